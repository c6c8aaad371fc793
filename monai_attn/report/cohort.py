"""The page of a cohort: volumes, agreement with references where there are references, every case in a table.

`monai-attn report --cohort FOLDER` fills the cases and saves the page. All numbers come measured: this module only
sorts them into tables and plots. No image and no picture of a patient is in the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monai_attn.errors import InputError
from monai_attn.measure import Comparison, Structure, summarise
from monai_attn.report.page import html_page, html_table, number, paragraph, picture, section
from monai_attn.report.plots import agreement_plot, dice_plot, volume_plot
from monai_attn.report.tables import summary_table
from monai_attn.wording import counted

__all__ = ["CohortCase", "cohort_page"]

RECIPE = ("bundle", "bundle_version", "weights_sha256", "backend", "overrides")
"""The keys of the provenance in which comparable masks agree."""


@dataclass(frozen=True)
class CohortCase:
    """One case of a cohort: its structures, its comparison with a reference where there is one, or its error.

    Where a mask has no usable reference, `error` says so, and the structures are reported all the same.

    `case` is printed as it is given. `provenance` is the record of the mask; its warnings stand at the top of the
    page.

    >>> CohortCase("case_7", error="There is a reference, but no mask of this case.").structures
    ()
    """

    case: str
    structures: Sequence[Structure] = ()
    comparisons: Sequence[Comparison] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def cohort_page(title: str, cases: Sequence[CohortCase]) -> str:
    """The HTML page of a cohort, complete in itself. Failed cases and warnings on masks come first.

    Structures of different cases count as the same when they have the same name. Raises `InputError` without a case.

    Volumes are in ml, distances in mm, Dice without a unit. Where no case was compared, agreement is left out.
    Raises `InputError` also where matplotlib is missing and a plot is to be drawn.
    """
    if not cases:
        raise InputError("A cohort report needs at least one case.")
    failed = [case for case in cases if case.error]
    compared = [case for case in cases if case.comparisons]
    measured = sum(1 for case in cases if case.structures)
    counts = (
        f"{counted(len(cases), 'case')}: {measured} measured, {len(compared)} compared, {len(failed)} with a problem."
    )
    marked = [(case.case, str(text)) for case in cases for text in case.provenance.get("warnings") or ()]
    warnings = html_table(["case", "warning on the mask"], marked, numeric_from=2)
    problems = html_table(["case", "problem"], [[case.case, case.error] for case in failed], numeric_from=2)
    return html_page(
        f"Cohort report: {title}",
        [
            section("Cases", paragraph(counts), problems if failed else "", warnings if marked else ""),
            section("Volumes", *_volumes(cases)),
            section("Agreement with the references", *_agreement(compared)),
            section("Every case", _every_case(cases)),
            section("Provenance", *_provenance(cases)),
        ],
    )


def _volumes(cases: Sequence[CohortCase]) -> Iterator[str]:
    """The plot of all volumes in ml, a panel for each structure name; nothing without a measured case."""
    volumes: dict[str, list[float]] = {}
    for case in cases:
        for one in case.structures:
            volumes.setdefault(one.name, []).append(one.volume_ml)
    if volumes:
        caption = "Every case is a point; box: quartiles and median; whiskers: to 1.5 times the box."
        yield picture(volume_plot(volumes), "Distribution of the volume of each structure", caption, kind="plot")


def _agreement(cases: Sequence[CohortCase]) -> Iterator[str]:
    """Box plots of Dice, Bland-Altman plots of volume and the summary; nothing where no case was compared."""
    comparisons = [one for case in cases for one in case.comparisons]
    if not comparisons:
        return
    by_name: dict[str, list[Comparison]] = {}
    for one in comparisons:
        by_name.setdefault(one.name, []).append(one)
    dice = {name: [one.dice for one in group] for name, group in by_name.items()}
    pairs = {name: [(one.prediction_ml, one.reference_ml) for one in group] for name, group in by_name.items()}
    yield picture(dice_plot(dice), "Box plots of Dice", "Dice. Every case is a point.", kind="plot")
    yield picture(
        agreement_plot(pairs),
        "Bland-Altman plots of volume",
        "Bland-Altman: solid: mean difference; dashed: mean ± 1.96 SD, the limits of agreement.",
        kind="plot",
    )
    yield summary_table(summarise(comparisons))
    yield paragraph(
        "Intervals: 95 %, percentile bootstrap over cases. Undefined: the structure is in neither mask; left out of "
        "mean and median. Infinite: it is in one mask only, so that there is no distance."
    )


def _every_case(cases: Sequence[CohortCase]) -> str:
    """One row for each structure of each case; the columns of scores only where a case has scores."""
    scored = any(case.comparisons for case in cases)
    head = ["case", "structure", "volume (ml)"]
    head += ["reference (ml)", "difference (ml)", "Dice", "HD95 (mm)"] if scored else []
    rows = []
    for case in cases:
        scores = {one.name: one for one in case.comparisons}
        volumes = {one.name: one.volume_ml for one in case.structures}
        for name in dict.fromkeys([*volumes, *scores]):
            row = [case.case, name, number(volumes[name] if name in volumes else scores[name].prediction_ml, 3)]
            rows.append(row + (_scores(scores.get(name)) if scored else []))
    return html_table(head, rows, numeric_from=2) if rows else ""


def _scores(one: Comparison | None) -> list[str]:
    """Reference volume and difference (ml), Dice and HD95 (mm) as cells; empty cells without a comparison."""
    if one is None:
        return [""] * 4
    volumes = [number(one.reference_ml, 3), number(one.volume_difference_ml, 3)]
    return [*volumes, number(one.dice, 3), number(one.hd95_mm, 2)]


def _provenance(cases: Sequence[CohortCase]) -> Iterator[str]:
    """How many masks were made with which bundle, weights and overrides; a sentence where they differ."""
    kinds = Counter(tuple(_recipe(case.provenance)) for case in cases if case.structures)
    if not kinds:
        return
    rows = [
        [str(count), "; ".join(kind) or "unknown: no record beside the masks"] for kind, count in kinds.most_common()
    ]
    yield html_table(["cases", "made by"], rows, numeric_from=2)
    if len(kinds) > 1:
        yield paragraph("The masks were not all made in the same way.")


def _recipe(provenance: Mapping[str, Any]) -> Iterator[str]:
    """Names and values of the provenance that made a mask; of several regions, those of the first region."""
    regions = provenance.get("regions")
    inner: Mapping[str, Any] = next(iter(regions.values()), {}) if isinstance(regions, Mapping) else {}
    for name in RECIPE:
        value = provenance.get(name, inner.get(name))
        if value not in (None, {}, ""):
            yield f"{name.replace('_', ' ')} {value}"
