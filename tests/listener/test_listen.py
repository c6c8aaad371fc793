"""`monai-attn listen` as a process of its own: studies come in from one archive, and DICOM SEG go back to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("pynetdicom")

from dicom_sender import SECRETS, interleaved, send, study
from pydicom import dcmread
from pynetdicom import AE, evt

from monai_attn import Volume, read
from monai_attn.cli.samples import CENTRES_MM, SIZE_MM
from monai_attn.io.samples import brain_file
from monai_attn.volume import Box

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@pytest.fixture
def head(tmp_path):
    """One hippocampus of the brain of the samples, in 100 slices."""
    pytest.importorskip("nilearn", reason="the brain of the samples")
    from scipy.ndimage import zoom

    brain = read(brain_file())
    crop = brain.crop(brain.slices_of(Box.around(CENTRES_MM["left"], SIZE_MM)))
    factor = 100 / crop.shape[2]
    array = np.rint(zoom(crop.array, (1, 1, factor), order=1)).astype(np.int16)
    return Volume(array, crop.affine @ np.diag([1, 1, 1 / factor, 1]))


@pytest.fixture
def archive():
    """An archive that takes DICOM SEG; gives its port and what it has taken."""
    taken = []
    place = AE(ae_title="ARCHIVE")
    place.add_supported_context(SEGMENTATION)

    def store(event):
        taken.append(event.dataset)
        return 0

    server = place.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    yield server.server_address[1], taken
    server.shutdown()


@pytest.fixture
def listening(tmp_path, archive):
    """The command itself; gives its port and the lines that it has printed so far."""
    command = [sys.executable, "-W", "ignore", "-m", "monai_attn", "listen", "-b", "hippocampus_mri", "-o"]
    command += [str(tmp_path / "out"), "--allow", "SCANNER", "--port", "0", "--quiet-s", "2", "--backend", "torch"]
    command += ["--send-to", f"ARCHIVE@127.0.0.1:{archive[0]}"]
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ)
    ) as process:
        reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
        reader.start()
        yield int(said(lines, r"listens at 127\.0\.0\.1:(\d+)\.")[1]), lines
        process.terminate()
        assert process.wait(60) == 130
        reader.join(10)


def said(lines: list[str], pattern: str, seconds: float = 500) -> re.Match[str]:
    """Wait for a line."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = re.search(pattern, "".join(list(lines)))
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("".join(lines))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_of_200_images_of_two_studies_the_complete_one_comes_back_and_the_other_when_it_is_whole(
    tmp_path, head, archive, listening
):
    port, lines = listening
    whole, lacking = study(tmp_path, "T1 whole", head), study(tmp_path, "T1 lacking", head)
    more = study(tmp_path, "T1 more", head)
    late = lacking.pop(50)
    assert send([*interleaved(whole, lacking), more[0]], port) == [0] * 200
    said(lines, "SEG sent to ARCHIVE")
    said(lines, r"not segmented: .*gap|not segmented: .*missing|not segmented: .*slice")
    assert [seg.StudyInstanceUID for seg in archive[1]] == [whole[0].StudyInstanceUID]
    assert send([late], port) == [0]
    said(lines, r"SEG sent to ARCHIVE(.|\n)*SEG sent to ARCHIVE")
    assert [seg.StudyInstanceUID for seg in archive[1]] == [one[0].StudyInstanceUID for one in (whole, lacking)]
    assert archive[1][0].PatientID == SECRETS[2]  # the archive knows whose it is
    assert {segment.SegmentLabel for segment in archive[1][0].SegmentSequence} >= {"anterior hippocampus"}
    names = [path.name for path in (tmp_path / "out").rglob("*")]
    assert [secret for secret in SECRETS if secret in "".join([*lines, *names])] == []
    assert len(list((tmp_path / "out" / "inbox").rglob("*.dcm"))) == 1  # of the study of which one image came


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(shutil.which("storescu") is None, reason="dcmtk is not installed")
def test_the_sender_of_dcmtk_is_understood(tmp_path, head, archive, listening):
    port, lines = listening
    for number, image in enumerate(study(tmp_path, "T1 dcmtk", head)):
        image.save_as(tmp_path / f"{number}.dcm")
    files = sorted(map(str, tmp_path.glob("*.dcm")))
    refused = subprocess.run(["storescu", "-aet", "STRANGER", "-aec", "MONAI_ATTN", "127.0.0.1", str(port), *files])
    assert refused.returncode != 0
    subprocess.run(["storescu", "-aet", "SCANNER", "-aec", "MONAI_ATTN", "127.0.0.1", str(port), *files], check=True)
    said(lines, "SEG sent to ARCHIVE")
    assert archive[1][0].StudyInstanceUID == dcmread(files[0]).StudyInstanceUID
