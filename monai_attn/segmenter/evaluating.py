"""A case in the bundle's own evaluator, for bundles that take other steps than MONAI's evaluator."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from monai_attn.inferers.watching import RunWatch, watch_inferer

__all__ = ["evaluated"]


class _OneCase:
    """A data loader of one batch, which may be another batch in the next run: the evaluator keeps its iterator."""

    batch: dict[str, Any]

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self.batch


def evaluated(evaluator: Any, batch: dict[str, Any], watch: RunWatch) -> Any:
    """What the evaluator leaves at "pred" for a batch of one case, after its postprocessing.

    The windows are counted by the watch. What the evaluator raises passes.
    """
    if not isinstance(evaluator.data_loader, _OneCase):
        evaluator.data_loader = _OneCase()
    inferer = evaluator.inferer
    evaluator.inferer = watch_inferer(inferer, watch)
    evaluator.data_loader.batch = batch
    evaluator.logger.setLevel(logging.CRITICAL)  # the error itself is raised
    try:
        evaluator.run()
    finally:
        evaluator.inferer = inferer
    return evaluator.state.output[0]["pred"]
