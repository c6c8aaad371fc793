"""HTML in small functions: a page that loads nothing, tables, pictures.

Every text is escaped before it becomes HTML. So a structure called `<b>` is shown as these letters, and a label name
cannot run a script. Style and pictures are inside the page, and a policy forbids the browser to load anything.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from monai_attn import __version__
from monai_attn.notice import RESEARCH_USE

__all__ = ["chip", "facts", "html_page", "html_table", "notice", "number", "paragraph", "picture", "section"]

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; color: #1c2530; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 0 24px 40px; }
h1 { font-size: 26px; margin: 24px 0 8px; }
h2 { font-size: 20px; margin: 34px 0 10px; border-bottom: 1px solid #c9d1da; padding-bottom: 4px; }
h3 { font-size: 16px; margin: 22px 0 6px; }
.notice { background: #fff3cd; border: 1px solid #d9b84a; border-radius: 4px; padding: 6px 12px; font-weight: 600; }
.warnings { background: #fde8e8; border: 2px solid #c0392b; border-radius: 4px; padding: 8px 14px; margin: 10px 0; }
.warnings ul { margin: 4px 0 0; padding-left: 20px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; margin: 8px 0; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 8px; border-bottom: 1px solid #dde3ea; text-align: left; vertical-align: top; }
thead th { background: #eef2f6; border-bottom: 2px solid #b7c2ce; vertical-align: bottom; }
td.n { text-align: right; white-space: nowrap; }
th.n { text-align: right; }
.facts th { font-weight: 600; white-space: nowrap; background: none; }
.facts td { overflow-wrap: anywhere; }
figure { margin: 10px 0 20px; }
figure img { display: block; width: 100%; height: auto; }
figure.plot img { width: auto; max-width: 100%; }
figcaption { font-size: 13px; color: #48535f; margin-top: 4px; }
.chip { display: inline-block; width: 11px; height: 11px; border: 1px solid #555; margin-right: 7px; }
footer { margin-top: 36px; border-top: 1px solid #c9d1da; padding-top: 8px; font-size: 12px; color: #48535f; }
@media print {
  @page { size: A4 portrait; margin: 12mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  table { font-size: 7.5pt; }
  th, td { padding: 2px 5px; }
  td.n { white-space: normal; }
  .scroll { overflow: visible; }
  figure, tr, .notice, .warnings, .scroll { break-inside: avoid; }
  h1, h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The policy that forbids the browser to load anything but the pictures within the page."""


def html_page(title: str, sections: Iterable[str]) -> str:
    """A whole HTML document with title, research-use line, sections and footer. The sections are HTML.

    `title` is plain text; sections come from `section` and `notice`. An empty section leaves no heading.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="notice">{escape(RESEARCH_USE)}</p>',
            *sections,
            f"<footer>{escape(RESEARCH_USE)} Made by monai_attn {escape(__version__)}.</footer>",
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def section(heading: str, *parts: str, level: int = 2) -> str:
    """A heading and the parts under the heading; an empty text when all parts are empty.

    `level` 2 is a chapter, 3 a part of a chapter.

    >>> section("Lesions", "")
    ''
    """
    filled = [part for part in parts if part]
    return "\n".join(["<section>", f"<h{level}>{escape(heading)}</h{level}>", *filled, "</section>"]) if filled else ""


def paragraph(text: str) -> str:
    """A paragraph of plain text.

    >>> paragraph("below 5 ml & above 3")
    '<p>below 5 ml &amp; above 3</p>'
    """
    return f"<p>{escape(text)}</p>"


def notice(heading: str, sentences: Sequence[str]) -> str:
    """A framed box with a heading and a list of sentences, for what must not be overlooked.

    The sentences are plain text, often the warnings on a mask. The box has the role "alert" for screen readers.
    """
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences)
    return f'<div class="warnings" role="alert"><strong>{escape(heading)}</strong><ul>{items}</ul></div>'


def html_table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, numeric_from: int = 1) -> str:
    """A table with a head; columns from `numeric_from` on are aligned right. A cell is a text, or made by `chip`.

    Every row has as many cells as the head; otherwise `ValueError` is raised. Without rows only the head is shown.
    """
    sides = [' class="n"' if column >= numeric_from else "" for column in range(len(head))]
    cells = ["".join(f"<td{side}>{_cell(value)}</td>" for side, value in zip(sides, row, strict=True)) for row in rows]
    titles = "".join(f'<th scope="col"{side}>{escape(name)}</th>' for side, name in zip(sides, head, strict=True))
    body = "\n".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="scroll"><table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def facts(values: Mapping[str, Any]) -> str:
    """Names and values in two columns; a value that is a mapping or a list is written out.

    An empty mapping gives an empty text, so that the section around is left out. Empty values are "none".
    """
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(plain)}</td></tr>' for name, plain in _flat(values)
    )
    return f'<table class="facts"><tbody>\n{rows}\n</tbody></table>' if rows else ""


def picture(png: bytes, description: str, caption: str = "", *, kind: str = "key") -> str:
    """A PNG within the page, with a description for those who do not see it.

    `description` is plain text for screen readers; `caption` is shown below. `kind` is "key", over the whole width,
    or "plot", in its own size.
    """
    data = base64.b64encode(png).decode("ascii")
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="{kind}"><img alt="{escape(description)}" src="data:image/png;base64,{data}">{below}</figure>'
    )


class _Html(str):
    """A text that is HTML and must not be escaped."""

    __slots__ = ()


def chip(colour: str, name: str) -> str:
    """A name behind a square of its colour (`#rrggbb`), as a cell of a table."""
    return _Html(f'<span class="chip" style="background:{escape(colour)}"></span>{escape(name)}')


def number(value: float, digits: int) -> str:
    """A number with `digits` decimals; nan and inf in words that cannot be taken for a number.

    Minus signs are true minus signs, not hyphens.

    >>> number(2.345, 1), number(float("nan"), 1), number(-1.5, 1), number(-0.01, 1)
    ('2.3', 'undefined', '−1.5', '0.0')
    """
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:z.{digits}f}".replace("-", "−")


def _cell(value: Any) -> str:
    """A cell as HTML: what `chip` made stays, and any other value is escaped."""
    return value if isinstance(value, _Html) else escape(str(value))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Names and values of nested mappings, one pair for each value; an outer name stands before the inner name."""
    for name, value in values.items():
        label = f"{prefix}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{label}: ") if value else ((label, "none"),)
        elif isinstance(value, (list, tuple)):
            yield label, ", ".join(map(str, value)) or "none"
        else:
            yield label, "none" if value in ("", None) else str(value)
