"""Which files make a series: over folders, with odd UIDs, beside damaged ones."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from pathlib import Path

import pytest
from dicom_maker import FRAME, save, series, slices_of
from phantoms import assert_same_in_patient, phantom
from pydicom.uid import generate_uid

from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io import list_series, read
from monai_attn.volume import Volume


def spread(root: Path, datasets, folders) -> Path:
    """Slice k in the folder k % len(folders): of every folder alone, an even stack with too large a step."""
    for number, folder in enumerate(folders):
        save(root / folder, datasets[number :: len(folders)], prefix=f"I{number}")
    return next(iter(sorted((root / folders[0]).iterdir())))


def long_phantom() -> Volume:
    return phantom(shape=(5, 6, 12))


@pytest.mark.parametrize(
    "folders", [["D0", "D1", "D2"], ["a", "b"], ["D0/sub", "D1/sub"], [".", "rest"], ["in/deep", "in"]]
)
def test_one_file_stands_for_its_series_also_where_that_lies_over_folders(tmp_path, folders):
    one = spread(tmp_path / "study", slices_of(long_phantom()), folders)
    back = read(one)
    assert_same_in_patient(back, long_phantom())
    assert f"The series lies in {len(folders)} folders, which were read together." in back.notes


def test_a_folder_that_holds_a_part_of_a_series_says_so(tmp_path):
    spread(tmp_path / "study", slices_of(long_phantom()), ["D0/sub", "D1/sub", "D2/sub"])
    back = read(tmp_path / "study/D0")
    assert back.shape == (5, 6, 4)
    assert back.notes == ("Images of this series lie in 2 folders beside this one too. Give the folder above for all.",)


def test_a_copy_of_the_series_in_another_folder_is_not_read_with_it(tmp_path):
    one = next(iter(series(tmp_path / "a", phantom()).iterdir()))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert read(one).notes == ()


def test_files_of_the_same_series_uid_that_do_not_fit_are_left_out_with_a_note(tmp_path):
    uid = generate_uid()
    save(tmp_path / "a", slices_of(phantom(), series_uid=uid))
    save(tmp_path / "b", slices_of(phantom(), series_uid=uid))
    back = read(next((tmp_path / "a").iterdir()))
    assert_same_in_patient(back, phantom())
    assert back.notes == ("Files of this series UID in 1 other folders fit into no single stack and were left out.",)


def test_ct_and_pet_that_share_a_series_uid_are_two_series(tmp_path):
    uid = generate_uid()
    save(tmp_path, slices_of(phantom(), "CT", uid), prefix="CT")
    save(tmp_path, slices_of(phantom(), "PT", uid), prefix="PT")
    assert [one.modality for one in list_series(tmp_path)] == ["CT", "PT"]
    assert read(tmp_path, series="CT").unit == "HU"
    assert read(next(tmp_path.glob("PT*"))).modality == "PT"


def test_a_ct_and_a_pet_of_one_series_uid_in_two_folders_are_not_parts_of_each_other(tmp_path):
    uid = generate_uid()
    save(tmp_path / "a", slices_of(phantom(), "CT", uid))
    save(tmp_path / "b", slices_of(phantom(), "PT", uid))
    assert read(next((tmp_path / "a").iterdir())).notes == ()
    assert read(tmp_path / "a").notes == ()


def test_what_macos_leaves_beside_the_slices_does_not_matter(tmp_path):
    folder = series(tmp_path / "x", phantom())
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(".dcm"))
        path.with_name(f"._{path.name}.dcm").write_bytes(b"\0\5\x16\7 Mac OS X")
    (folder / ".DS_Store").write_bytes(b"")
    assert read(folder).notes == ()


def test_an_empty_file_with_another_name_is_mentioned(tmp_path):
    folder = series(tmp_path / "x", phantom())
    (folder / "last.dcm").write_bytes(b"")
    assert read(folder).notes[0].startswith("Left out: last.dcm is empty (0 bytes)")


@pytest.mark.parametrize("places", ["one", "each"])
def test_slices_with_a_series_uid_each_are_joined_with_a_note(tmp_path, places):
    datasets = slices_of(phantom())
    for ds in datasets:
        ds.SeriesInstanceUID = generate_uid()
        ds.FrameOfReferenceUID = FRAME if places == "one" else generate_uid()
    folder = save(tmp_path / "x", datasets)
    for back in (read(folder), read(next(folder.iterdir())), read(folder, series=datasets[3].SeriesInstanceUID)):
        assert_same_in_patient(back, phantom())
        assert "Each of the 7 slices has a series UID of its own; they form one stack and were joined." in back.notes
        assert back.frame_of_reference == (FRAME if places == "one" else "")


def test_slices_with_a_frame_of_reference_each_are_joined_with_a_note(tmp_path):
    folder = series(tmp_path / "x", phantom(), change=lambda ds, _: setattr(ds, "FrameOfReferenceUID", generate_uid()))
    back = read(folder)
    assert_same_in_patient(back, phantom())
    assert back.frame_of_reference == ""
    assert "has a frame of reference of its own" in back.notes[0]


def test_slices_with_a_series_uid_each_and_a_gap_are_not_read_one_by_one_unsaid(tmp_path):
    folder = series(
        tmp_path / "x",
        phantom(),
        change=lambda ds, _: setattr(ds, "SeriesInstanceUID", generate_uid()),
        SliceThickness=3,
    )
    frames = list_series(folder)[0].frames
    sorted(frames, key=lambda frame: float(frame.normal @ frame.position))[3].path.unlink()
    with pytest.raises(InputError, match="x holds 6 series"):
        read(folder)
    assert "One of 6 images that look like slices of one series" in read(folder, series="#2").notes[0]


def test_a_linked_folder_is_entered_once_and_a_link_to_a_folder_above_does_no_harm(tmp_path):
    series(tmp_path / "far/away", phantom())
    (tmp_path / "x/in").mkdir(parents=True)
    (tmp_path / "x/in/link").symlink_to(tmp_path / "far/away", target_is_directory=True)
    (tmp_path / "x/again").symlink_to(tmp_path / "far/away", target_is_directory=True)
    (tmp_path / "x/in/loop").symlink_to(tmp_path / "x", target_is_directory=True)
    back = read(tmp_path / "x")
    assert_same_in_patient(back, phantom())
    assert back.notes == ()


def last_of(folder: Path) -> Path:
    """The file of the slice at one end, whose loss leaves an even stack."""
    return (
        list_series(folder)[0].frames
        and max(
            (frame for frame in list_series(folder)[0].frames), key=lambda frame: float(frame.normal @ frame.position)
        ).path
    )


DAMAGE = {
    "emptied": (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\)"),
    "cut in the preamble": (lambda path: path.write_bytes(path.read_bytes()[:100]), "is no DICOM file"),
    "zeros": (lambda path: path.write_bytes(bytes(path.stat().st_size)), "is no DICOM file"),
    "a dead link": (lambda path: (path.unlink(), path.symlink_to("gone")), "is a link to a file that is not there"),
} | {
    f"cut at {size}": (lambda path, size=size: path.write_bytes(path.read_bytes()[:size]), "is a .*(truncated|cut off)")
    for size in (132, 150, 170, 200, 340, 380, 392, 406, 450, 500, 560, 600, 700)
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_last_slice_that_is_damaged_is_an_error_that_names_it(tmp_path, what):
    folder = series(tmp_path / "x", phantom(), "CT")
    path = last_of(folder)
    damage, why = DAMAGE[what]
    damage(path)
    with pytest.raises(FileError, match=rf"^{path.name} {why}"):
        read(folder)
    assert path.name in list_series(folder)[0].problem


def test_a_slice_that_may_not_be_read_is_an_error_and_not_called_damaged(tmp_path, monkeypatch):
    folder = series(tmp_path / "x", phantom())
    path, whole = last_of(folder), Path.open

    def refused(self, *arguments, **options):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return whole(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    for where in (folder, path):
        with pytest.raises(FileError, match=rf"^{path.name}:? (It )?may not be read: permission denied"):
            read(where)


def test_damaged_neighbours_do_not_block_a_good_series(tmp_path):
    folder = series(tmp_path / "good", phantom())
    other = series(tmp_path / "good/other", phantom(shape=(9, 9, 5)))
    for path in sorted(other.iterdir()):
        path.write_bytes(path.read_bytes()[:640])
    (folder / "report.dcm").write_bytes(next(folder.glob("IM*")).read_bytes()[:300])
    (folder / "notes.txt").write_bytes(b"")
    with pytest.raises(FileError, match="is a DICOM image cut off within its header"):
        read(other)
    back = read(folder)
    assert_same_in_patient(back, phantom())
    assert len(back.notes) == 1
    assert re.match(
        r"Left out: 6 files that cannot be read\. The first: IM0000 is a DICOM image cut off", back.notes[0]
    )
    shutil.rmtree(other)
    assert read(folder).notes[0].startswith("Left out: report.dcm is a DICOM")


@pytest.mark.parametrize("emptied", [["SOPClassUID"], ["SOPClassUID", "SOPInstanceUID"], ["SOPClassUID", "meta"]])
def test_uids_that_an_anonymiser_emptied_do_not_matter(tmp_path, emptied):
    def change(ds, _):
        for keyword in emptied:
            if keyword == "meta":
                ds.file_meta.MediaStorageSOPClassUID = "1.2.3"
            else:
                setattr(ds, keyword, "")

    assert_same_in_patient(read(series(tmp_path / "x", phantom(), "CT", change)), phantom())


def test_echoes_whose_object_uids_were_emptied_are_no_copies(tmp_path):
    uid = generate_uid()
    for echo in (1, 2):
        datasets = slices_of(phantom(), series_uid=uid)
        for ds in datasets:
            ds.EchoTime, ds.SOPInstanceUID = echo * 10, ""
        save(tmp_path / "x", datasets, prefix=f"E{echo}_")
    assert list_series(tmp_path / "x")[0].volumes == 2


def test_series_whose_uids_were_emptied_are_told_apart_by_number_and_description(tmp_path):
    for name in ("T1", "T2"):
        series(tmp_path / "x" / name, phantom(), SeriesInstanceUID="", SeriesDescription=name)
    assert [one.description for one in list_series(tmp_path / "x")] == ["T1", "T2"]


@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_slice_that_is_turned_a_little_is_refused_with_that_cause(tmp_path, place):
    def turned(ds, k):
        if k == place:
            ds.ImageOrientationPatient = [
                float(x) + 1.5e-3 * (n == 2) for n, x in enumerate(ds.ImageOrientationPatient)
            ]
            names.append(ds.SOPInstanceUID)

    names: list[str] = []
    folder = series(tmp_path / "x", phantom(), change=turned)
    why = r"IM\d+ does not lie parallel to the other slices: its ImageOrientationPatient differs by 0.0015"
    with pytest.raises(GeometryError, match=why):
        read(folder)
    with pytest.raises(GeometryError, match=why):
        read(next(folder.iterdir()))


def test_an_image_of_the_series_that_is_of_another_kind_is_mentioned(tmp_path):
    def screenshot(ds, k):
        if k == 6:
            del ds.ImagePositionPatient

    back = read(series(tmp_path / "x", phantom(), change=screenshot), series="#1")
    assert back.shape == (5, 6, 6)
    assert "One image of this series is kept apart (IM" in back.notes[0]
    assert "its ImagePositionPatient is missing" in back.notes[0]


def test_a_gap_names_the_slice_that_was_kept_apart(tmp_path):
    def change(ds, k):
        if k == 3:
            ds.PixelSpacing = [0.5, 0.5]

    with pytest.raises(
        GeometryError, match=r"1 slice is missing.* kept apart \(IM\d+\): its PixelSpacing is \(0.5, 0.5\)"
    ):
        read(series(tmp_path / "x", phantom(), change=change, SliceThickness=3), series="#1")


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"")
    with pytest.raises(FileError, match=r"x\.dcm is empty \(0 bytes\)"):
        read(tmp_path / "x.dcm")


@pytest.mark.skipif(os.geteuid() == 0, reason="everything may be read by root")
def test_a_folder_that_may_not_be_listed_is_mentioned(tmp_path):
    folder = series(tmp_path / "x", phantom())
    (folder / "closed").mkdir(mode=0)
    assert read(folder).notes == ("Left out: the folder closed may not be read. Ask for access to it.",)


def test_an_unknown_character_set_is_one_note(tmp_path, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the phantom is malformed on purpose
        folder = series(tmp_path / "x", phantom(), SpecificCharacterSet="ISO_IR 999")
        other = series(tmp_path / "y", phantom(), SpecificCharacterSet="ISO-IR 100")
    caplog.clear()
    back = read(folder)
    assert back.notes == ("SpecificCharacterSet 'ISO_IR 999' is not known: descriptions may hold wrong letters.",)
    assert caplog.text == ""
    assert read(other).notes == ()


@pytest.mark.parametrize("suffix", [".img", ".IMG", ".hdr", ".nii"])
def test_dicom_is_known_by_content_also_where_its_name_says_something_else(tmp_path, suffix):
    folder = series(tmp_path / "x", phantom())
    for path in folder.iterdir():
        path.rename(path.with_suffix(suffix))
    assert_same_in_patient(read(next(folder.iterdir())), phantom())


def test_a_pipe_among_the_slices_does_not_hang(tmp_path):
    folder = series(tmp_path / "x", phantom())
    os.mkfifo(folder / "IM9999")
    assert_same_in_patient(read(folder), phantom())
