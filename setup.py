"""What pyproject.toml cannot say: where the bundles lie, and the address of the repository at a release."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

ROOT = Path(__file__).parent
NEEDED = ("LICENSE", "configs/metadata.json", "configs/inference.json", "models/model.pt")


class BuildWithBundles(build_py):
    """Puts the folder `bundles` into the wheel as `monai_attn/_bundles`.

    Raises `SetupError` where there is no bundle, or where a bundle lacks its licence, its configs or its weights: such
    a wheel would install and then find no bundle.
    """

    def run(self) -> None:
        """Look at the bundles, build the modules as usual, then copy the bundles beside them."""
        if self.editable_mode:
            super().run()
            return  # the bundles are used where they lie
        bundles = sorted(path.parent for path in (ROOT / "bundles").glob("*/configs"))
        lacking = [f"bundles/{bundle.name}/{name}" for bundle in bundles for name in NEEDED
                   if not (bundle / name).is_file()]  # fmt: skip
        if lacking or not bundles:
            raise SetupError(
                f"The wheel needs every bundle whole; missing: {', '.join(lacking) or 'the folder bundles'}. "
                "Get these files from a full checkout of the repository, then build again."
            )
        super().run()
        target = Path(self.build_lib) / "monai_attn" / "_bundles"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(ROOT / "bundles", target, ignore=shutil.ignore_patterns("__pycache__", ".*"))


def readme(repository: str) -> str:
    """The text of README.md; links to files of the repository are absolute where its address is known.

    PyPI shows the text away from the repository, where `docs/images/demo.png` leads nowhere.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if not repository:
        return text
    text = re.sub(r"(!\[[^]]*\]\()(?!\w+:)", rf"\1{repository}/raw/main/", text)
    return re.sub(r"((?<!!)\[[^]]*\]\()(?!\w+:|#|!)", rf"\1{repository}/blob/main/", text)


def address() -> str:
    """The repository's address while GitHub builds a release; empty elsewhere."""
    server, name = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    return f"{server}/{name}" if server and name else ""


def urls(repository: str) -> dict[str, str]:
    """The links that PyPI shows beside the package; none where the address is not known."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/blob/main/docs/quickstart.md",
        "Changelog": f"{repository}/blob/main/docs/changelog.md",
        "Issues": f"{repository}/issues",
    }


setup(
    cmdclass={"build_py": BuildWithBundles},
    long_description=readme(address()),
    long_description_content_type="text/markdown",
    project_urls=urls(address()),
)
