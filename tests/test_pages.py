"""The pages beside the code: their links lead somewhere, and what they name is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("bundles/*/docs/*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
FORMS = sorted([*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_or_a_heading_leads_there(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        name, _, heading = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        target = page.parent / name if name else page
        if not target.exists() or (heading and heading not in _headings(target)):
            lost.append(link)
    assert lost == []


def test_the_files_that_a_contributor_is_sent_to_are_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:monai_attn|tests|docs|bundles)/[\w/]+(?:\.\w+)?", page))
    assert len(named) > 10
    assert {name for name in named if "NAME" not in name and not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.relative_to(ROOT).as_posix())
def test_forms_and_workflows_can_be_read(form: Path) -> None:
    assert yaml.safe_load(form.read_text(encoding="utf-8"))


def test_workflows_ask_for_targets_that_the_makefile_has() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for form in ROOT.glob(".github/workflows/*.yml"):
        asked = set(re.findall(r"run: make PYTHON=python (\w+)", form.read_text(encoding="utf-8")))
        assert asked <= targets, form.name


def test_workflows_run_tests_that_are_there() -> None:
    for form in ROOT.glob(".github/workflows/*.yml"):
        for name in re.findall(r"tests/[\w/.]+", form.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), name


def test_the_citation_has_the_version_and_the_licence_of_the_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project["version"]
    assert project["license"].startswith(citation["license"])


def _prose(page: Path) -> str:
    """A page without what stands in code blocks and between backticks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def _headings(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).strip().replace(" ", "-") for title in titles}
