"""Does attention help? The same training with each attention, scored on unseen cases, with intervals.

    python benchmarks/attention.py DATA RUNS [--data hippocampus] [--variants none gate] [--seeds 1 2 3]
    python benchmarks/attention.py DATA RUNS --scenes
    python benchmarks/attention.py --cost
    python benchmarks/attention.py --report

DATA holds `hippocampus/`, `soft_tissue_sarcoma/`, `head_neck_ct/` and `images/`. RUNS is a folder for the trainings; it
can be deleted afterwards. The first command trains and scores what is not done yet, and goes on with what was stopped.
All variants of the first seed come first, so that a part of the runs is a table already. `--scenes` scores the runs
that are there on disturbed images too. The rows go into docs/attention/scores.csv. `--cost` fills cost.csv beside it,
and `--report` writes tables and pictures of docs/attention.md from these files alone.

`--budget small` takes minutes for each run, `--budget full` hours: the bundle's own length. `--budget long` has ten
times the steps of the small one, for the hippocampus alone. A run has one thread unless OMP_NUM_THREADS says more. On
one core (`taskset -c 0`) a small hippocampus run takes about three minutes.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from attention_runs import Run, clear_states, evaluate, segment_without, train
from attention_scores import keep, rows_of
from attention_table import BUDGETS, DATA, SEEDS, VARIANTS

DOCS = Path(__file__).parents[1] / "docs"
KEPT = DOCS / "attention"
"""Where the study's numbers are kept."""


def main(given: argparse.Namespace) -> None:
    if given.cost or given.report:
        if given.cost:
            from attention_cost import measure

            measure(KEPT / "cost.csv", tuple(given.data))
        if given.report:
            from attention_report import write_page

            write_page(DOCS)
        return
    if given.root is None or given.runs is None:
        raise SystemExit("Name the folder of the data and a folder for the runs, or ask for --cost or --report.")
    for run in runs_of(given):
        if given.scenes:
            disturb(run, given.root, given.csv)
        else:
            do(run, given.root, given.csv)


def runs_of(given: argparse.Namespace) -> Iterator[Run]:
    """The runs that were asked for: data set by data set, seed by seed."""
    for data in given.data:
        if given.budget not in DATA[data].train:
            raise SystemExit(f"{data} has no budget {given.budget}.")
        for seed in given.seeds:
            for variant in given.variants:
                yield Run(data, given.budget, variant, seed, given.runs.resolve())


def do(run: Run, root: Path, csv: Path) -> None:
    """Train, score, and keep the rows."""
    began, done = time.monotonic(), (run.scene("clean") / "scores.csv").exists()
    train(run, root, commit())
    evaluate(run, root)
    rows = rows_of(run, root)
    keep(csv, rows)
    if run.what.without:
        segment_without(run, root)
        keep(csv, rows_of(run, root, "without"))
    clear_states(run)
    scores = [float(row["dice"]) for row in rows if row["dice"] not in ("", "nan")]
    minutes = "done before" if done else f"{(time.monotonic() - began) / 60:.1f} min"
    print(f"{run.title}: mean Dice {sum(scores) / len(scores):.3f} ({minutes})", flush=True)


def disturb(run: Run, root: Path, csv: Path) -> None:
    """Score a run that is done on disturbed images."""
    if not run.weights.exists():
        print(f"{run.title}: not trained yet", flush=True)
        return
    for scene in run.what.scenes:
        evaluate(run, root, scene)
        keep(csv, rows_of(run, root, scene))
        print(f"{run.title}: {scene}", flush=True)


def commit() -> str:
    """The commit of the code, with a plus where files were changed."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, nargs="?", metavar="DATA")
    parser.add_argument("runs", type=Path, nargs="?", metavar="RUNS")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--budget", choices=BUDGETS, default="small")
    parser.add_argument("--csv", type=Path, default=KEPT / "scores.csv", help="where the rows go")
    parser.add_argument("--scenes", action="store_true", help="score trained runs on disturbed images")
    parser.add_argument("--cost", action="store_true", help="measure what each network costs")
    parser.add_argument("--report", action="store_true", help="write docs/attention.md from the kept numbers")
    main(parser.parse_args())
