"""Time points of one patient, from a table of files: lesions followed through a motion of the patient."""

from __future__ import annotations

import numpy as np
import pytest
from test_alignment import GRID, moved, patient

from monai_attn import LabelTable, Segmentation, write
from monai_attn.cli.main import main
from monai_attn.cohort.followup import Visit, follow_patient, read_visits
from monai_attn.cohort.tracking import Known, track
from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.measure import from_csv
from monai_attn.volume import Volume

SHAPE = (48, 48, 32)


def spheres(motion: np.ndarray, *places: tuple[float, float, float, float]) -> Volume:
    """Lesions with their centres and radii in mm, after a motion of the patient."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    at = (index @ GRID[:3, :3].T + GRID[:3, 3] - motion[:3, 3]) @ np.linalg.inv(motion[:3, :3]).T
    array = np.zeros(SHAPE, np.uint8)
    for *centre, radius in places:
        array[np.linalg.norm(at - centre, axis=-1) <= radius] = 1
    return Volume(array, GRID)


@pytest.fixture
def table(tmp_path):
    """A patient who moves between three visits: a lesion shrinks, one goes, and a new one comes."""
    still, motion = np.eye(4), moved()
    visits = {
        "2024-01-10": (still, [(40, 40, 40, 14), (65, 60, 60, 8)]),
        "2024-04-02": (motion, [(40, 40, 40, 8), (65, 60, 60, 5)]),
        "2024-07-21": (still, [(40, 40, 40, 8), (30, 70, 70, 6)]),
    }
    lines = ["patient,date,image,mask"]
    for when, (how, lesions) in visits.items():
        write(patient(GRID, SHAPE, how), tmp_path / f"{when}.nii.gz")
        write(spheres(how, *lesions), tmp_path / f"{when}_seg.nii.gz")
        lines.insert(1, f"p1,{when},{when}.nii.gz,{when}_seg.nii.gz")  # the order of the rows does not matter
    (tmp_path / "visits.csv").write_text("\n".join(lines))
    return tmp_path / "visits.csv"


def test_lesions_are_followed_through_the_motion_of_the_patient(table):
    (visits,) = read_visits(table).values()
    first, second, third = follow_patient(visits, "1").points
    assert [len(point.lesions) for point in (first, second, third)] == [2, 2, 2]
    assert [(change.kind, change.earlier, change.later) for change in second.changes] == [
        ("same", (1,), (1,)),
        ("same", (2,), (2,)),
    ]
    assert sorted(change.kind for change in third.changes) == ["gone", "new", "same"]
    assert first.response.sum_mm == pytest.approx(28 + 16, abs=4)
    assert second.response.sum_mm == pytest.approx(16 + 10, abs=4)
    assert third.response.sum_mm == pytest.approx(16, abs=3)
    assert [point.response.category for point in (first, second, third)] == ["", "PR", "PD"]
    assert second.alignment.angle_deg == pytest.approx(6, abs=0.5)


def test_without_images_the_coordinates_count(table):
    (visits,) = read_visits(table).values()
    bare = [Visit(one.patient, one.when, one.mask) for one in visits]
    rows = follow_patient(bare, "1").rows()
    assert rows[0] == {**rows[0], "patient": "p1", "when": "2024-01-10", "lesions": 2, "new": 0, "moved_deg": ""}
    assert [row["moved_mm"] for row in rows] == ["", "", ""]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("patient,mask\np,a.nii", InputError, "needs the columns patient, date or session, and mask"),
        ("patient,date,mask\np,,a.nii", InputError, "Line 2 of t.csv needs a patient, a date and a mask"),
        ("patient,date,mask\np,2024-03-31,a.nii", FileError, "Line 2 of t.csv: a.nii does not exist"),
        ("patient,date,mask\np,31.03.2024,t.csv", InputError, r"'31\.03\.2024' is no date\. Write .* as 2024-03-31"),
        ("patient,date,mask\np,20240331,t.csv", InputError, "'20240331' is no date"),
        ("patient,session,mask\np,1,t.csv\np,1,t.csv", InputError, "two visits of 1"),
    ],
)
def test_a_table_that_is_not_clear_is_refused(tmp_path, text, error, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=message):
        read_visits(tmp_path / "t.csv")


def test_a_table_that_does_not_exist_is_named_so(tmp_path):
    with pytest.raises(FileError, match=r"nowhere\.csv does not exist"):
        read_visits(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match=r"is no table of comma-separated text in UTF-8\. Save it as CSV in UTF-8"):
        read_visits(tmp_path)


def test_ten_sessions_are_in_the_order_of_their_numbers(tmp_path):
    rows = [f"p,{name},t.csv" for name in ("10", "2", "1")]
    (tmp_path / "t.csv").write_text("\n".join(["patient,session,mask", *rows]))
    assert [one.when for one in read_visits(tmp_path / "t.csv")["p"]] == ["1", "2", "10"]


def followed(folder, *masks: Volume):
    """The time points of a patient with these masks, without images."""
    table = LabelTable.of_names({1: "lesion"})
    for number, mask in enumerate(masks):
        Segmentation(mask, table).write(folder / f"{number}.nii.gz")
    return follow_patient([Visit("p", str(n), folder / f"{n}.nii.gz") for n in range(len(masks))], "lesion").points


def test_a_lesion_that_returns_is_not_new_and_counts_again(tmp_path):
    there, nothing = spheres(np.eye(4), (40, 40, 40, 10)), spheres(np.eye(4))
    first, second, third = followed(tmp_path, there, nothing, there)
    assert (second.response.sum_mm, third.response.sum_mm) == (0, first.response.sum_mm)
    assert [change.kind for change in second.changes + third.changes] == ["gone", "returned"]
    assert third.targets == (1,)
    assert [point.response.category for point in (second, third)] == ["CR", "PD"]  # more than the least sum


def test_a_target_outside_of_the_later_image_is_not_gone(tmp_path):
    both = [(40, 40, 40, 10), (65, 60, 60, 8)]
    whole = spheres(np.eye(4), *both)
    part = Volume(np.ascontiguousarray(whole.array[:, :, :12]), GRID)
    assert part.array.any()
    first, second, third = followed(tmp_path, whole, part, whole)
    assert [change.kind for change in second.changes] == ["same", "not_scanned"]
    assert [point.response.category for point in (second, third)] == ["NE", "SD"]
    assert third.response.sum_mm == first.response.sum_mm
    assert [change.kind for change in third.changes] == ["same", "returned"]


def test_one_visit_is_no_follow_up(table):
    with pytest.raises(InputError, match="two time points"):
        follow_patient(read_visits(table)["p1"][:1], "1")


def test_the_command_writes_a_table_and_a_page(table, capsys):
    assert main(["followup", str(table), "--lesion", "1", "-o", str(table.parent / "out")]) == 0
    said = capsys.readouterr().out
    assert "Research use only" in said
    rows = from_csv((table.parent / "out" / "followup.csv").read_text())
    assert [row["category"] for row in rows] == ["", "PR", "PD"]
    page = (table.parent / "out" / "followup.html").read_text()
    assert "2024-07-21" in page
    assert "An aid, no finding" in page
    assert "NE, not evaluable: a target was not scanned as a whole" in page
    assert main(["followup", str(table), "--lesion", "2", "-o", str(table.parent / "other")]) == 2
    assert not (table.parent / "other").exists()


def test_lesions_are_followed_into_another_frame_of_reference_by_the_images_alone():
    first = Volume(spheres(np.eye(4), (40, 40, 40, 8)).array.astype(np.int32), GRID, frame_of_reference="1.2")
    later = Volume(first.array, GRID, frame_of_reference="1.3")
    known = [Known(first, (1,), (1,))]
    with pytest.raises(GeometryError, match="Align them by their images"):
        track(known, later, 1, None)
    tracked = track(known, later, 1, np.eye(4))
    assert [change.kind for change in tracked.changes] == ["same"]


def test_the_table_of_visits_is_not_replaced_by_the_results(tmp_path, capsys):
    visits = tmp_path / "followup.csv"
    visits.write_text("patient,date,mask\np1,2024-01-10,a_seg.nii.gz\np1,2024-04-02,b_seg.nii.gz\n")
    for name in "ab":
        write(spheres(np.eye(4), (40, 40, 40, 8)), tmp_path / f"{name}_seg.nii.gz")
    before = visits.read_text()
    assert main(["followup", str(visits), "--lesion", "1", "-o", str(tmp_path), "--overwrite"]) == 2
    assert "followup.csv is an input; choose another name" in capsys.readouterr().err
    assert visits.read_text() == before
