"""`monai-attn mcp` through the real client of the protocol, over stdin and stdout of a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_attn import Volume, write
from monai_attn.errors import InputError
from monai_attn.io.phantom import GRIDS, TABLE, ct_phantom
from monai_attn.mcp_server import Fence, Tools
from monai_attn.mcp_server.server import TOOLS

mcp = pytest.importorskip("mcp")
anyio = pytest.importorskip("anyio")


def ask(folder: Path, *calls: tuple[str, dict[str, Any]]) -> list[tuple[bool, Any]]:
    """What a server on a folder answers: for each call whether it was refused, and the content or the sentence."""
    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "monai_attn", "mcp", str(folder)], env=dict(os.environ)
    )

    async def session() -> list[tuple[bool, Any]]:
        answers = []
        async with mcp.Client(command) as client:
            for name, arguments in calls:
                if name == "tools":
                    answers.append((False, [tool.name for tool in (await client.list_tools()).tools]))
                    continue
                result = await client.call_tool(name, arguments)
                words = " ".join(part.text for part in result.content)
                answers.append((result.is_error, words if result.is_error else result.structured_content))
        return answers

    return anyio.run(session)


@pytest.fixture
def folder(tmp_path):
    """A folder with a CT and its organs; beside it a file that nobody was to see."""
    inside = tmp_path / "inside"
    ct, organs = ct_phantom(*GRIDS["ct_phantom"])
    write(ct, inside / "ct.nii.gz")
    write(organs, inside / "organs.nii.gz", table=TABLE)
    write(Volume(np.zeros((4, 4, 4), np.int16)), tmp_path / "secret.nii.gz")
    return inside


def test_images_are_described_measured_compared_and_reported(folder):
    tools, files, image, bundle, measured, compared, page, again = ask(
        folder,
        ("tools", {}),
        ("info", {}),
        ("info", {"path": "ct.nii.gz"}),
        ("info", {"path": "hippocampus_mri"}),
        ("measure", {"mask": "organs.nii.gz", "image": "ct.nii.gz", "lesions": ["lesion"]}),
        ("compare", {"prediction": "organs.nii.gz", "reference": str(folder / "organs.nii.gz")}),
        ("report", {"image": "ct.nii.gz", "mask": "organs.nii.gz", "output": "pages/ct.html"}),
        ("report", {"image": "ct.nii.gz", "mask": "organs.nii.gz", "output": "pages/ct.html"}),
    )
    assert tuple(tools[1]) == TOOLS
    assert files[1]["files"] == ["ct.nii.gz", "organs.nii.gz"]
    assert "hippocampus_mri" in files[1]["bundles"]
    assert image[1]["modality"] == "unknown"
    assert "folder" not in bundle[1]
    rows = {row["name"]: row for row in measured[1]["rows"] if row["kind"] == "structure"}
    assert rows["liver"]["volume_ml"] > 100
    assert [row["dice"] for row in compared[1]["rows"] if row["name"] == "spleen"] == [1.0]
    assert page == (False, {"written": "pages/ct.html", "notice": "Research use only; not a medical device."})
    assert "not a medical device" in (folder / "pages" / "ct.html").read_text(encoding="utf-8")
    assert again[0]
    assert "exists" in again[1]


def test_what_leads_out_of_the_folder_is_refused(folder):
    secret = folder.parent / "secret.nii.gz"
    (folder / "link.nii.gz").symlink_to(secret)
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to(folder.parent, target_is_directory=True)
    (folder / "list").mkdir()
    (folder / "list" / "cases.csv").write_text("case,image\none,../../secret.nii.gz\n", encoding="utf-8")
    outside = ["../secret.nii.gz", str(secret), "sub/up/secret.nii.gz", "link.nii.gz", "sub", "ct.nii.gz\0", "~/x.nii"]
    calls = [
        *(("info", {"path": path}) for path in outside),
        *(("measure", {"mask": path}) for path in outside),
        ("measure", {"mask": "organs.nii.gz", "image": str(secret)}),
        ("compare", {"prediction": "organs.nii.gz", "reference": "../secret.nii.gz"}),
        ("report", {"image": "ct.nii.gz", "mask": "organs.nii.gz", "output": "../page.html"}),
        ("report", {"image": "ct.nii.gz", "mask": "organs.nii.gz", "output": "sub/up/page.html"}),
        ("segment", {"images": ["../secret.nii.gz"], "bundle": "hippocampus_mri", "output": "out"}),
        ("segment", {"images": ["list/../ct.nii.gz"], "bundle": "hippocampus_mri", "output": "../out"}),
        ("segment", {"images": ["ct.nii.gz"], "bundle": "sub", "output": "out"}),
        ("segment", {"images": ["ct.nii.gz"], "bundle": "../bundle", "output": "out"}),
    ]
    answers = ask(folder, *calls)
    assert [call for call, (refused, _) in zip(calls, answers, strict=True) if not refused] == []
    assert not any(str(folder.parent) in words for _, words in answers)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["inside", "secret.nii.gz"]
    assert not (folder / "out").exists()


def test_one_file_of_a_series_is_refused_since_its_folders_would_be_searched(folder):
    (folder / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    with pytest.raises(InputError, match="name the folder of the series"):
        Fence(folder).image("IM0001")


def test_a_dicom_seg_as_a_mask_is_refused_with_the_way_out(folder):
    (folder / "seg.dcm").write_bytes(b"\0" * 128 + b"DICM")
    with pytest.raises(InputError, match=r"seg.dcm is no mask in NIfTI.*convert MASK OUT.nii.gz --source IMAGE"):
        Fence(folder).mask("seg.dcm")


def test_a_header_beside_a_link_that_leads_out_is_refused(folder):
    (folder / "x.raw").symlink_to(folder.parent / "secret.nii.gz")
    (folder / "x.mhd").write_text("NDims = 3\nElementDataFile = x.raw\n", encoding="utf-8")
    with pytest.raises(InputError, match="leads out"):
        Fence(folder).image("x.mhd")


def test_a_record_that_is_a_link_which_leads_out_is_refused_and_other_links_do_not_matter(folder):
    (folder / "other.json").symlink_to(folder.parent / "secret.nii.gz")
    assert Fence(folder).mask("organs.nii.gz").name == "organs.nii.gz"
    (folder / "organs.json").symlink_to(folder.parent / "secret.nii.gz")
    with pytest.raises(InputError, match="leads out"):
        Fence(folder).mask("organs.nii.gz")


def test_a_folder_of_results_with_a_link_that_leads_out_is_refused(folder):
    (folder / "out").mkdir()
    (folder / "out" / "ct_seg.json").symlink_to(folder.parent / "secret.nii.gz")
    with pytest.raises(InputError, match="leads out"):
        Tools(Fence(folder)).segment(["ct.nii.gz"], "hippocampus_mri", "out")


def test_a_link_that_stays_inside_is_read(folder):
    (folder / "again.nii.gz").symlink_to("ct.nii.gz")
    assert Fence(folder).image("again.nii.gz") == Fence(folder).root / "ct.nii.gz"


@pytest.mark.slow
def test_a_table_cannot_name_a_file_outside_and_images_are_segmented(folder):
    (folder / "cases.csv").write_text("case,image\none,../secret.nii.gz\n", encoding="utf-8")
    noise = np.random.default_rng(5).normal(100, 20, (36, 50, 36)).astype(np.float32)
    write(Volume(noise), folder / "crop.nii.gz")
    table, made = ask(
        folder,
        ("segment", {"images": ["cases.csv"], "bundle": "hippocampus_mri", "output": "out"}),
        ("segment", {"images": ["crop.nii.gz"], "bundle": "hippocampus_mri", "output": "out"}),
    )
    assert table[0]
    assert "outside" in table[1]
    (case,) = made[1]["cases"]
    assert sorted(case["files"]) == ["out/crop_seg.csv", "out/crop_seg.json", "out/crop_seg.nii.gz"]
    assert set(case["volume_ml"]) == {"anterior hippocampus", "posterior hippocampus"}
