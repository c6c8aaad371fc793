"""`monai-attn listen`: receive studies from an archive, segment them, and send the SEG back."""

from __future__ import annotations

import argparse
import time
from dataclasses import fields
from pathlib import Path

from monai_attn.cli._bundle_options import add_bundle_options
from monai_attn.cli._execution import add_execution, execution_of
from monai_attn.notice import RESEARCH_USE

__all__ = ["add_parser", "run"]

EXAMPLE = (
    "example:\n  monai-attn listen -b hippocampus_mri -o results --allow SCANNER --send-to ARCHIVE@127.0.0.1:4242\n"
)

LIMITS = {
    "instance_mb": "largest image, in MB",
    "study_mb": "largest study, in MB",
    "inbox_mb": "all studies that wait, in MB",
    "study_instances": "most images of a study",
    "per_second": "most images in a second, over all senders; who is faster waits",
    "associations": "most connections at once",
}
"""The options for `Limits`, and what each says."""

POLL_S = 0.25


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["listen", "-b", "hippocampus_mri", "-o", "out", "--allow", "CT1"]).host
    '127.0.0.1'
    """
    from monai_attn.listener.settings import Limits

    parser = subparsers.add_parser(
        "listen",
        help="receive DICOM studies, segment them, and send the SEG back",
        description="Receive DICOM images (C-STORE) from allowed senders. A study that is complete is segmented, and "
        "its DICOM SEG is sent back. Ctrl-C ends the receiver. Connections are not encrypted. It needs the extra "
        f"'listen'. {RESEARCH_USE}",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-b", "--bundle", required=True, help="the bundle: a shipped name, or a folder")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for results, and for what comes in")
    parser.add_argument(
        "--allow", action="append", required=True, metavar="TITLE", help="AE title that may send; may be repeated"
    )
    parser.add_argument("--title", default="MONAI_ATTN", help="own AE title (default: MONAI_ATTN)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, this computer alone)"
    )
    parser.add_argument(
        "--port", type=int, default=11112, help="port to listen at; 0 takes a free one (default: 11112)"
    )
    parser.add_argument(
        "--send-to",
        metavar="TITLE@HOST:PORT",
        help="where the SEG is sent; by default it stays in the folder of results",
    )
    parser.add_argument(
        "--quiet-s",
        type=float,
        default=30,
        metavar="S",
        help="so many seconds after its last image a study is complete (default: 30)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the images that came in, after their study is done")
    for name, what in LIMITS.items():
        value = getattr(Limits(), name)
        parser.add_argument(
            f"--max-{name.replace('_', '-')}", type=type(value), default=value, help=f"{what} (default: {value:g})"
        )
    add_execution(parser)
    add_bundle_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Receive and segment until Ctrl-C, which gives the exit code 130.

    Raises `AttnError` for a bundle, a folder or options that cannot be used, before anything listens.
    """
    from monai_attn.bundle.overrides import parse_override
    from monai_attn.cohort import Recipe
    from monai_attn.errors import InputError
    from monai_attn.listener.inbox import Inbox
    from monai_attn.listener.receiver import Receiver, check_pynetdicom
    from monai_attn.listener.settings import Limits, Peer, checked_title
    from monai_attn.listener.work import StudyWork
    from monai_attn.results import check_folder

    check_pynetdicom()
    title, allowed = checked_title(args.title), [checked_title(text) for text in args.allow]
    peer = Peer.of(args.send_to) if args.send_to else None
    limits = Limits(**{one.name: getattr(args, f"max_{one.name}") for one in fields(Limits)})
    if not args.quiet_s >= 0:  # nan too, after which no study would be complete
        raise InputError(f"--quiet-s is a number of seconds from 0 on, not {args.quiet_s:g}.")
    recipe = Recipe(
        args.bundle,
        args.output,
        overrides=dict(parse_override(text) for text in args.set),
        execution=execution_of(args),
        trust=args.trust,
        labels=args.labels,
        dicom_seg=True,
        redo="stale",
    )
    check_folder(recipe.output)
    segmenter = recipe.segmenter()
    inbox = Inbox(args.output / "inbox", limits)
    work = StudyWork(inbox, recipe, segmenter, peer, title, _say, keep=args.keep)
    with Receiver(inbox, title, allowed, (args.host, args.port), _say) as receiver:
        _say(f"{title} listens at {args.host}:{receiver.port}. {RESEARCH_USE}")
        while True:
            work.step(args.quiet_s)
            time.sleep(POLL_S)


def _say(text: str) -> None:
    """A line with the time of day; it holds no word of a header."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
