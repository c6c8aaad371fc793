"""What mkdocs does beyond mkdocs.yml: pages that lie elsewhere, the reference, notebooks, and the links between them.

The pages in `docs/` are written for GitHub, where README, model cards and code lie beside them. On the site the README
is the first page, and the cards are pages too. A link to another file of the repository leads to the repository, where
its address is known. Otherwise its words are shown without a link.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

import jupytext
from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "bundles/head_neck_ct/docs/README.md": "cards/head_neck_ct.md",
    "bundles/hippocampus_mri/docs/README.md": "cards/hippocampus_mri.md",
    "bundles/soft_tissue_sarcoma/docs/README.md": "cards/soft_tissue_sarcoma.md",
    "bundles/soft_tissue_sarcoma/docs/experiments.md": "cards/soft_tissue_sarcoma_experiments.md",
}
"""Files of the repository that are pages of the site, and where."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def repository() -> str:
    """The address of the repository while GitHub builds the site; empty elsewhere."""
    server, name = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    return f"{server}/{name}" if server and name else ""


def on_config(config: Any) -> Any:
    """Examples in docstrings (`>>>`) are code, not quotations."""
    config.markdown_extensions.append(Examples())
    if repository():
        config.repo_url = repository()
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add README, cards, notebooks and a page of reference for each room that the navigation names."""
    for source, place in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=moved(text, source, place)))
    for notebook in sorted((ROOT / "docs" / "notebooks").glob("*.py")):
        text = jupytext.writes(jupytext.read(notebook), fmt="md")
        text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
        files.append(File.generated(config, f"notebooks/{notebook.stem}.md", content=text))
    for name in re.findall(r"reference/(\w+)\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")):
        module = name if name == "monai_attn" else f"monai_attn.{name}"
        title = f"---\ntitle: {module}\n---\n\n"
        files.append(File.generated(config, f"reference/{name}.md", content=f"{title}::: {module}\n"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The links of a page in `docs/` as the site has them."""
    place = page.file.src_uri
    return markdown if page.file.generated_by else moved(markdown, f"docs/{place}", place)


def moved(text: str, source: str, place: str) -> str:
    """A page of the repository at `source`, with the links that it has at `place` in the site."""

    def link(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        path, sign, heading = target.partition("#")
        if re.match(r"\w+:", target) or not path:
            return found[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        there = PAGES.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else "")
        if there and (file in PAGES or Path(file).suffix != ".py"):
            return f"{picture}[{words}]({posixpath.relpath(there, posixpath.dirname(place) or '.')}{sign}{heading})"
        return f"[{words}]({repository()}/blob/main/{file})" if repository() else words

    return LINK.sub(link, text)


class Examples(Extension):
    """Examples with `>>>` become blocks of code."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name is Markdown's
        """Look for examples before blocks of code are found."""
        md.preprocessors.register(_Fences(md), "examples", 28)


class _Fences(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        """The lines, each example up to an empty line between fences."""
        made: list[str] = []
        inside = ""
        for line in lines:
            indent = line[: len(line) - len(line.lstrip())]
            if not inside and line.lstrip().startswith(">>> "):
                inside = f"{indent}```"
                made += ["", f"{inside}pycon"]
            elif inside and not line.strip():
                made.append(inside)
                inside = ""
            made.append(line)
        return [*made, inside] if inside else made
