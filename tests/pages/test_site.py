"""The site builds without a warning, its links lead somewhere, and its reference holds what the package offers."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from blocks import ROOT

import monai_attn


def test_every_picture_of_the_gallery_is_there_and_every_picture_is_used():
    pages = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    named = {Path(name).name for name in re.findall(r"!\[[^]]*\]\((?:docs/)?images/([\w.]+)\)", pages)}
    assert named == {path.name for path in (ROOT / "docs" / "images").iterdir()}


def test_the_script_of_the_gallery_makes_the_picture_of_the_report(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra report")
    from PIL import Image

    make = runpy.run_path(str(ROOT / "docs" / "gallery.py"))["report_picture"]
    with Image.open(make(tmp_path)) as made, Image.open(ROOT / "docs" / "images" / "report.png") as shown:
        assert made.size == shown.size


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if f"- {page}\n" not in nav] == []


def test_the_reference_has_a_page_for_each_room_that_people_import():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    homes = {home.partition(".")[0] for home in (vars(monai_attn)["_ROOMS"])}
    assert [room for room in homes if f"reference/{room}.md" not in nav] == []
    assert yaml.safe_load(nav)["theme"]["font"] is False


@pytest.mark.slow
def test_the_site_builds_strictly_and_its_links_lead_somewhere(tmp_path):
    pytest.importorskip("mkdocs", reason="the extra docs")
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-d", tmp_path / "site"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    pages = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")}
    assert len(pages) > 50
    lost = []
    for path, text in pages.items():
        if path.name == "404.html":
            continue
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            target, _, heading = link.partition("#")
            if re.match(r"\w+:|//", link):
                continue
            place = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            place = place / "index.html" if place.is_dir() else place
            there = pages.get(place, "") if heading else f'id="{heading}"'
            if not place.is_file() or f'id="{unquote(heading)}"' not in there:
                lost.append(f"{path.relative_to(tmp_path)}: {link}")
    assert lost == []
    assert not any("fonts.googleapis" in text for text in pages.values())
    assert 'id="monai_attn.measure.compare"' in pages[tmp_path / "site" / "reference" / "measure" / "index.html"]
