"""The page of a case: what stands in it, and that it needs nothing but itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from monai_attn import Label, LabelTable, Segmentation, Volume
from monai_attn.errors import GeometryError, InputError
from monai_attn.report import CaseOptions, case_page
from monai_attn.report.page import number

TABLE = LabelTable((Label(1, "liver", "#d98c3f"), Label(2, "<tumour> & co", "#35c4f0"), Label(3, "spleen", "#40c040")))
ALONE = {"meta", "img", "link", "br", "input"}
"""HTML elements without an end."""


def case(labelled: bool = True, unit: str = "HU") -> tuple[Volume, Segmentation]:
    """A liver of 20 x 20 x 10 voxels of 1 x 1 x 2 mm, 8 ml, with two tumours of 0.128 and 0.016 ml; no spleen."""
    affine = np.diag([-1.0, -1, 2, 1])
    affine[:3, 3] = (20, 15, -30)
    image = Volume(np.full((40, 40, 20), 60, np.int16), affine, "CT", unit, notes=("Something was decided.",))
    mask = np.zeros(image.shape, np.uint8)
    if labelled:
        mask[5:25, 5:25, 5:15] = 1
        mask[8:12, 8:12, 7:11] = 2
        mask[18:20, 18:20, 7:9] = 2
    provenance = {"bundle": "abdomen", "weights_sha256": "c0ffee", "overrides": {}, "source": {"shape": [40, 40, 20]}}
    return image, Segmentation(image.with_array(mask), TABLE, provenance)


class Reader(HTMLParser):
    """Collects the elements and checks that each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def page() -> str:
    image, segmentation = case()
    reference = segmentation.labels.array.copy()
    reference[18:20] = 1  # the small tumour is an extra one
    options = CaseOptions(reference=image.with_array(reference), lesions=(2,))
    return case_page("case_1", image, segmentation, options)


def test_names_volumes_provenance_and_the_research_line_stand_in_it(page):
    words = Reader(page).words
    assert words.count("Research use only; not a medical device.") == 2
    for said in ("Segmentation report: case_1", "<tumour> & co", "abdomen", "c0ffee", "Something was decided."):
        assert said in words
    assert "7.856" in words  # 8 ml of liver without the tumours
    assert "0.144" in words
    assert "volume (ml)" in words
    assert "mean ± SD (HU)" in words
    assert "window 40/400 HU: -160 is black, 240 is white" in words
    assert "Radiological convention" in words


def test_each_lesion_has_a_row_and_a_picture(page):
    words = Reader(page).words
    assert "Lesions: <tumour> & co" in words
    assert "<tumour> & co, lesion 2" in words
    assert "<tumour> & co, lesion 3" not in words
    described = [image["alt"] for image in Reader(page).all("img")]
    assert len(described) == 1 + 2 + 2  # overview, two structures, two lesions
    assert all("contour" in text for text in described)


def test_the_reference_gives_scores_and_detection(page):
    words = Reader(page).words
    assert "Comparison with the reference" in words
    assert "surface Dice at 1 mm" in words
    assert "undefined" in words  # the spleen is in neither map
    rows = re.findall(r"</span>&lt;tumour&gt; &amp; co</td>((?:<td[^>]*>[^<]*</td>)*)</tr>", page)
    assert re.findall(r">([^<]+)</td>", rows[-1])[:3] == ["1", "0", "1"]  # matched, missed, extra


def test_a_structure_that_was_not_found_is_named(page):
    assert "Not found, without a voxel: spleen." in Reader(page).words


def test_the_page_loads_nothing_from_anywhere(page):
    reader = Reader(page)
    assert all(image["src"].startswith("data:image/png;base64,") for image in reader.all("img"))
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in reader.elements}
    assert not [attrs for tag, attrs in reader.elements if "href" in attrs or ("src" in attrs and tag != "img")]
    assert not re.search(r"https?:|file:|url\(|@import", page)
    policies = [meta["content"] for meta in reader.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_the_page_has_a_title_a_language_and_a_style_for_paper(page):
    reader = Reader(page)
    assert reader.all("html") == [{"lang": "en"}]
    assert "<title>Segmentation report: case_1</title>" in page
    assert "@media print" in page


def test_names_are_text_and_never_html(page):
    assert "<tumour>" not in page
    assert "&lt;tumour&gt; &amp; co" in page


def test_dollars_in_names_are_no_formulas():
    image, segmentation = case()
    table = LabelTable.of_names({1: r"$\nosuchword$", 2: "PTV $5$ of $7$", 3: "$"})
    page = case_page("case_1", image, Segmentation(segmentation.labels, table))
    assert r"$\nosuchword$" in page


def test_an_empty_mask_gives_a_page_that_says_so():
    words = Reader(case_page("case_1", *case(labelled=False), CaseOptions(lesions=(2,)))).words
    assert "The label map is empty: no structure was found." in words
    assert "No lesion was found." in words
    image, _ = case()
    nameless = Segmentation(image.with_array(np.zeros(image.shape, np.uint8)), LabelTable())
    assert "The mask came without provenance." in Reader(case_page("case_1", image, nameless)).words


def test_what_is_left_out_is_said():
    image, segmentation = case()
    options = CaseOptions(lesions=(2,), min_ml=0.01, pictures=1)
    words = Reader(case_page("case_1", image, segmentation, options)).words
    assert "Pictures: the 1 largest of 2 lesions." in words
    assert "lesion 2" not in words
    assert "A lesion is one connected component, of 26 neighbours. Components below 0.01 ml are left out." in words


def test_a_number_of_pictures_below_0_is_refused():
    with pytest.raises(InputError, match="0 or more, not -1"):
        case_page("case_1", *case(), CaseOptions(pictures=-1))


def test_grids_that_differ_are_refused():
    image, segmentation = case()
    other = Volume(image.array, np.diag([1.0, 1, 2, 1]))
    with pytest.raises(GeometryError, match="The mask and the image lie on different grids"):
        case_page("case_1", other, segmentation)
    with pytest.raises(GeometryError, match="The mask and the reference lie on different grids"):
        case_page("case_1", image, segmentation, CaseOptions(reference=other))


def test_numbers_that_are_none_are_words():
    assert [number(value, 2) for value in (1.005, -2.5, float("nan"), float("inf"), float("-inf"))] == [
        "1.00", "−2.50", "undefined", "∞", "−∞",
    ]  # fmt: skip
