"""Work on one case of many: whatever goes wrong is an error of that case, and the other cases go on.

The sentence comes from `monai_attn.errors.sentence`. What was half done is undone elsewhere:
`monai_attn.results.commit` takes care of files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from monai_attn.errors import DEBUG, Cancelled, sentence

__all__ = ["attempt"]

STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit, Cancelled)
"""What ends the whole run, not only a case."""

logger = logging.getLogger(__name__)


class Attempt:
    """How the work on a case ended: `error` is "" when all went well, else a sentence."""

    error = ""


@contextmanager
def attempt() -> Iterator[Attempt]:
    """Run a block; an exception of any kind ends the block and leaves its sentence in `error`.

    Only Ctrl-C, an exit of the program and `Cancelled` pass. A panic of a library in Rust, which is no subclass of
    `Exception`, is caught as well. `MONAI_ATTN_DEBUG=1` logs the traceback.

    >>> with attempt() as work:
    ...     raise FileNotFoundError(2, "No such file", "ct.nii.gz")
    >>> bool(work.error)
    True
    """
    made = Attempt()
    try:
        yield made
    except STOPS:
        raise
    except BaseException as error:  # the promise of this file; tests show what passes
        made.error = sentence(error)
        if os.environ.get(DEBUG):
            logger.exception("A case failed.")
