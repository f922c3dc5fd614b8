from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from files import sample, save
from PIL import Image

from dupimg import Result, organize
from dupimg.plans.rows import Row


class Tags(HTMLParser):
    """Collects elements and texts, and checks that they nest."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(content)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Result:
    folder = tmp_path_factory.mktemp("notebook")
    with Image.open(sample("chelsea.png")) as cat:
        for number in range(8):
            save(cat, folder / f"in/{number}.jpg", quality=80 + number)
    for side in ("left", "right"):
        save(Image.open(sample(f"motorcycle_{side}.png")), folder / f"in/{side}.jpg")
    (folder / "in/a<b>&.txt").write_text("no photo")
    return organize(folder / "in", folder / "out", quiet=True)


def test_a_run_from_python_shows_counts_and_pictures(result):
    tags = Tags(result._repr_html_())
    text = re.sub(r"\s+", " ", " ".join(tags.texts))
    for words in ("found 11", "kept 3 in 2 scenes", "removed 7", "other 1 no readable photo"):
        assert words in text
    assert "+2" in tags.texts  # 8 duplicates, 6 of them shown
    images = [attributes for tag, attributes in tags.found if tag == "img"]
    assert len(images) == 6 + 2
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in images)
    assert images[0]["title"] == "7.jpg"  # the one that stays: most bytes
    assert images[0]["alt"] == "7.jpg"
    assert {image["title"] for image in images[6:]} == {"left.jpg", "right.jpg"}
    assert len(result._repr_html_()) < 200_000


def test_nothing_is_loaded_from_elsewhere(result):
    assert not re.search(r"(src|href)=(?!\"data:)|url\(|@import|<script", result._repr_html_())


def test_names_are_escaped_and_pictures_may_be_missing(tmp_path):
    names = ("<img src=x onerror=alert(1)>.jpg", 'a"b.jpg', "\udcff.jpg")
    rows = [
        Row(name, action, "x", scene=1, duplicate_group=1, width=1, height=1, digest="0" * 64)
        for name, action in zip(names, ("keep", "remove", "remove"), strict=True)
    ]
    rows += [Row(name, "keep", failed=True) for name in ("c.jpg", "d.jpg")]
    content = Result(tuple(rows), tmp_path / "<b>report.csv", 1.0)._repr_html_()
    tags = Tags(content)
    assert not [tag for tag, _ in tags.found if tag in ("img", "b")]
    assert set(names[:2]) | {"\\udcff.jpg"} <= set(tags.texts)
    content.encode()
    assert "left where they were: see the report" in content


def test_a_result_without_groups(tmp_path):
    content = Result((), Path("report.csv"), 0.0)._repr_html_()
    Tags(content)
    assert "Duplicates" not in content
    assert "Scenes" not in content
