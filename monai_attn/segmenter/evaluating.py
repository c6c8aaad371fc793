"""A case in the bundle's own evaluator, for bundles that take other steps than MONAI's evaluator."""

from __future__ import annotations

import logging
from typing import Any

from monai_attn.inferers.watching import RunWatch, watch_inferer

__all__ = ["evaluated"]


def evaluated(evaluator: Any, batch: dict[str, Any], watch: RunWatch) -> Any:
    """What the evaluator leaves at "pred" for a batch of one case, after its postprocessing.

    The windows are counted by the watch. What the evaluator raises passes.
    """
    inferer = evaluator.inferer
    evaluator.inferer = watch_inferer(inferer, watch)
    evaluator.data_loader = [batch]
    evaluator.logger.setLevel(logging.CRITICAL)  # the error itself is raised
    try:
        evaluator.run()
    finally:
        evaluator.inferer = inferer
        evaluator.data_loader = [None]
    return evaluator.state.output[0]["pred"]
