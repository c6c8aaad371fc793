"""What a bundle from outside would run, and the dialog that asks whether it may.

Opening a bundle runs Python code from its folder, with all rights of the user. So the panel "Segment" shows a
`Disclosure` first; making the disclosure reads text only and runs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from monai_attn.bundle.describe import BundleDescription
from monai_attn.bundle.trust import digest_of, is_trusted, pieces_of, remember_trust

__all__ = ["Disclosure", "TrustDialog", "disclosure_of"]

LICENCE_CHARACTERS = 4000
"""How much of each licence file the dialog shows."""


@dataclass(frozen=True)
class Disclosure:
    """What one should know before a bundle is run: its name, authors, the code it brings, its licences.

    `code` has an entry for each piece of code, what matters first; the last `harmless` pieces only compute. `licence`
    holds the beginning of each licence file. `digest` is the SHA-256 of the code, so two disclosures differ as soon as
    a config or a script has changed, and the user is asked again.
    """

    name: str
    authors: str
    code: tuple[str, ...]
    licence: str
    digest: str
    harmless: int
    root: Path


def disclosure_of(bundle: BundleDescription) -> Disclosure | None:
    """What a bundle would run, read without running any of it; None for a bundle that need not be asked about.

    Such a bundle came with the package, or was trusted before and has the same code since. Of each licence file the
    first 4000 characters are kept. A bundle without a licence or authors says so.
    """
    if is_trusted(bundle.root):
        return None
    texts = [
        f"{path.name}:\n{path.read_text(encoding='utf-8', errors='replace')[:LICENCE_CHARACTERS].strip()}"
        for path in bundle.licences
    ]
    pieces = pieces_of(bundle.root)
    return Disclosure(
        name=bundle.name,
        authors=bundle.authors or "not named",
        code=tuple(map(str, pieces)),
        licence="\n\n".join(texts) or "The bundle (model) comes without a licence.",
        digest=digest_of(bundle.root),
        harmless=sum(not piece.matters for piece in pieces),
        root=bundle.root,
    )


class TrustDialog(QDialog):
    """Shows a disclosure and asks; accepted means: run it.

    The button "Do not run" is the default, so that the Enter key refuses.
    """

    def __init__(self, disclosure: Disclosure, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Run the code of this bundle (model)?")
        self.resize(640, 520)
        layout = QVBoxLayout(self)
        count = len(disclosure.code) - disclosure.harmless
        what = f"{count} piece{'s' if count != 1 else ''} of code of its own" if count else "MONAI's components only"
        serious, rest = disclosure.code[:count], disclosure.code[count:]
        words = QLabel(
            f"<b>{disclosure.name}</b> did not come with monai_attn (authors: {disclosure.authors}). "
            f"Opening it runs {what} with your rights on this computer. Go on only if you trust where it came from."
        )
        words.setWordWrap(True)
        layout.addWidget(words)
        layout.addWidget(QLabel("What it would run besides MONAI's own components, and below that what only computes:"))
        self.code = _text("\n".join([*serious, *([""] if serious and rest else []), *rest]) or "nothing")
        layout.addWidget(self.code, 2)
        layout.addWidget(QLabel("Licence:"))
        self.licence = _text(disclosure.licence)
        layout.addWidget(self.licence, 1)
        buttons = QDialogButtonBox()
        self.trust = buttons.addButton("Trust and run", QDialogButtonBox.ButtonRole.AcceptRole)
        self.refuse = buttons.addButton("Do not run", QDialogButtonBox.ButtonRole.RejectRole)
        self.refuse.setDefault(True)
        self._root = disclosure.root
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)

    def accept(self) -> None:
        """Close with a yes, which holds until a config or a script of the bundle changes, also after a new start."""
        remember_trust(self._root)
        super().accept()


def _text(content: str) -> QPlainTextEdit:
    """A field that shows a text without letting the user change it."""
    text = QPlainTextEdit(content)
    text.setReadOnly(True)
    return text
