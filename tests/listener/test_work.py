"""What is said of a study that cannot be segmented, without a word of a header; and that each SEG is sent once."""

from __future__ import annotations

import io
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from dicom_sender import SECRETS, study
from pydicom import Dataset

from monai_attn import Volume
from monai_attn.cases import ImageInput
from monai_attn.cohort import Recipe, Row
from monai_attn.errors import FileError, InputError
from monai_attn.listener import Inbox
from monai_attn.listener.settings import Peer
from monai_attn.listener.work import StudyWork, _check_number


def test_a_study_without_a_series_that_fits_is_said_without_its_description(tmp_path):
    said: list[str] = []
    inbox = Inbox(tmp_path / "inbox")
    images = study(tmp_path, SECRETS[0], Volume(np.zeros((4, 5, 2), np.int16)))
    for image in images:
        image.SeriesDescription = f"Thorax {SECRETS[0]} {SECRETS[3]}"
    take(inbox, images, images[0].StudyInstanceUID)
    recipe = Recipe("hippocampus_mri", tmp_path / "out", dicom_seg=True)
    StudyWork(inbox, recipe, recipe.segmenter(), None, "MONAI_ATTN", said.append).step(0)
    assert said[-1].endswith("not segmented: No series fits. Series 1: 2 slices.")
    assert [secret for secret in SECRETS if secret in "".join(said)] == []


class Killed(SystemExit):
    """The process ends."""


class Listener:
    """A listener with `--keep --send-to` that may be started again; a stand-in for the network writes the SEG."""

    def __init__(self, folder, monkeypatch) -> None:
        self.inbox, self.recipe = folder / "inbox", Recipe("none", folder / "out", dicom_seg=True)
        self.recipe.output.mkdir()
        self.sent: list[str] = []
        self.study = ""
        self.refuses, self.dies = False, ""
        monkeypatch.setattr("monai_attn.listener.work.run_cases", self._run_cases)
        monkeypatch.setattr("monai_attn.listener.work.send_seg", self._send)

    def start(self, *, keep: bool = True) -> list[str]:
        """Start, look at all studies once, and end; what was said."""
        segmenter = SimpleNamespace(parts=SimpleNamespace(inputs=(ImageInput("image"),)))
        peer, said = Peer("ARCHIVE", "127.0.0.1", 1), []
        StudyWork(Inbox(self.inbox), self.recipe, segmenter, peer, "MONAI_ATTN", said.append, keep=keep).step(0)
        return said

    def _run_cases(self, recipe, cases, segmenter):
        del segmenter
        (case,) = cases
        (seg,) = recipe.dicom_files(case.name)
        if self.dies == "before":
            raise Killed
        done = seg.exists()
        seg.touch()
        if self.dies == "after":
            raise Killed
        yield Row(case.name, "", (seg,), done=done)

    def _send(self, path, peer, own_title) -> None:
        del peer, own_title
        if self.refuses:
            raise FileError("The archive does not take it.")
        assert path.exists()
        self.sent.append(path.name)


@pytest.fixture
def listener(tmp_path, monkeypatch):
    """A listener with one whole study in its inbox."""
    made = Listener(tmp_path, monkeypatch)
    images = study(tmp_path, "T1", Volume(np.zeros((4, 5, 6), np.int16)))
    made.study = images[0].StudyInstanceUID
    take(Inbox(made.inbox), images, made.study)
    return made


def take(inbox: Inbox, images: list[Dataset], study_uid: str) -> None:
    """Images of one study come in."""
    for image in images:
        image.StudyInstanceUID = study_uid
        data = io.BytesIO()
        image.save_as(data)
        inbox.take(study_uid, image.SOPInstanceUID, data.getvalue(), sender=1)
    inbox.goodbye(1)


def test_a_kept_study_is_sent_once_however_often_the_listener_starts(listener):
    for _ in range(3):
        listener.start()
    assert len(listener.sent) == 1


def test_a_seg_that_the_archive_did_not_take_is_sent_after_a_restart(listener):
    listener.refuses = True
    listener.start()
    listener.refuses = False
    listener.start()
    listener.start()
    assert len(listener.sent) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_seg_is_sent_once_when_the_listener_was_killed_before_or_after_it_was_written(listener, when):
    listener.dies = when
    with pytest.raises(Killed):
        listener.start()
    listener.dies = ""
    listener.start()
    listener.start()
    assert len(listener.sent) == 1


def test_a_later_series_of_the_same_study_leaves_the_results_of_the_first(listener, tmp_path):
    listener.start(keep=False)
    inbox = Inbox(listener.inbox)
    take(inbox, study(tmp_path, "T1 later", Volume(np.zeros((4, 5, 6), np.int16))), listener.study)
    listener.start(keep=False)
    assert len(set(listener.sent)) == 2
    assert {path.name for path in listener.recipe.output.glob("*_seg.dcm")} == set(listener.sent)


def test_a_seg_that_was_removed_before_it_was_sent_is_said_once(listener):
    listener.refuses = True
    listener.start(keep=False)
    for seg in listener.recipe.output.glob("*_seg.dcm"):
        seg.unlink()
    assert [line for line in listener.start() if "no longer there" in line]
    assert not listener.start()


def test_images_that_the_disk_does_not_remove_are_said_and_the_seg_is_sent(listener, monkeypatch):
    def refuse(*_):
        raise OSError(39, "Directory not empty")

    monkeypatch.setattr("monai_attn.listener.inbox.shutil.rmtree", refuse)
    assert any("still in the inbox: Directory not empty" in line for line in listener.start(keep=False))
    assert len(listener.sent) == 1


@pytest.mark.parametrize(("frames", "whole"), [(None, False), (1, False), (3, True)])
def test_of_a_file_of_several_frames_no_image_lacks(tmp_path, frames, whole):
    image, *_ = study(tmp_path, "T1", Volume(np.zeros((4, 5, 3), np.int16)))
    image.ImagesInAcquisition = 3
    if frames is not None:
        image.NumberOfFrames = frames
    image.save_as(tmp_path / "image.dcm")
    with nullcontext() if whole else pytest.raises(InputError, match="1 of 3 images have come"):
        _check_number((tmp_path / "image.dcm",))
