from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from sheets import HOSTILE, photo, some_info, some_rows

from dupimg.pages.contact_sheet import page_data, page_html, to_columns, write_page
from dupimg.plans.report import COLUMNS
from dupimg.plans.rows import Row

WEB = files("dupimg") / "web"
SCRIPTS = {path.name: path.read_text("utf-8") for path in WEB.iterdir() if path.suffix == ".js"}
TEXTS = json.loads((WEB / "text.json").read_text("utf-8"))


class Elements(HTMLParser):
    """Gathers the attributes and contents of scripts and styles, and the policy."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.contents: dict[str, str] = {}
        self.addresses: list[str] = []
        self.policy = ""
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        if tag in ("script", "style"):
            self.inside = attributes.get("id") or tag
            assert self.inside not in self.contents
            self.contents[self.inside] = ""

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.contents[self.inside] += data


@pytest.fixture
def rows():
    return some_rows()


def test_the_page_is_one_file_that_refers_to_nothing_outside(rows, tmp_path):
    page = write_page(rows, tmp_path, some_info(tmp_path / "in"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    html = page.read_text("utf-8")
    assert all(address.startswith(("#", "data:")) for address in Elements(html).addresses)
    assert set(re.findall(r"https?://[^\s\"']+", html)) == {"http://www.w3.org/2000/svg"}


def test_the_policy_allows_this_script_and_this_style_and_no_network(rows, tmp_path):
    elements = Elements(page_html(page_data(rows, some_info(tmp_path))))
    for kind in ("script", "style"):
        digest = hashlib.sha256(elements.contents[kind].encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in elements.policy
    assert "default-src 'none'" in elements.policy
    assert "connect-src" not in elements.policy
    assert "unsafe" not in elements.policy


def test_a_review_may_ask_its_own_server_only_and_holds_no_data():
    elements = Elements(page_html())
    assert "connect-src 'self'" in elements.policy
    assert "file:" not in elements.policy
    assert elements.contents["data"] == "null"


def test_hostile_names_stay_inside_the_data(tmp_path):
    rows = [photo(name, "rocket.jpg", 1, 0) for name in HOSTILE]
    html = page_html(page_data(rows, some_info(tmp_path)))
    elements = Elements(html)
    assert set(elements.contents) == {"style", "text", "data", "script"}
    assert json.loads(elements.contents["data"])["rows"]["path"] == list(HOSTILE)
    assert "\u2028" not in elements.contents["data"]
    html.encode("utf-8")  # no surrogate is left


def test_columns_are_those_of_the_report_with_rounded_cosines(rows):
    columns = to_columns([*rows, Row("a", "keep", nearest_cosine=1 / 3)])
    assert tuple(columns) == (*COLUMNS, "earlier", "failed", "video", "nearest_in_scene")
    assert columns["path"] == [*(row.path for row in rows), "a"]
    assert columns["nearest_cosine"][-1] == 0.333333
    assert columns["cosine_to_keeper"][-1] is None


def test_the_input_folder_is_found_from_the_page(rows, tmp_path):
    def address(source):
        page = write_page(rows, tmp_path, some_info(source))
        data = json.loads(Elements(page.read_text("utf-8")).contents["data"])
        return data["about"]["input_urls"][""]

    assert address(tmp_path / "a b#1") == "a%20b%231"
    assert address(tmp_path.parent / "50% 猫") == "../50%25%20%E7%8C%AB"
    assert address(tmp_path) == "."


def test_the_same_rows_give_the_same_bytes_and_replace_the_old_page(rows, tmp_path):
    info = some_info(tmp_path / "in")
    first = write_page(rows, tmp_path, info).read_bytes()
    (tmp_path / "report.html").write_text("old")
    assert write_page(rows, tmp_path, info).read_bytes() == first


@pytest.mark.parametrize(("kind", "suffix"), [("script", ".js"), ("style", ".css")])
def test_every_script_and_style_is_part_of_the_page(kind, suffix):
    content = Elements(page_html()).contents[kind]
    parts = [path for path in WEB.iterdir() if path.suffix == suffix]
    assert len(parts) > 1
    for path in parts:
        assert path.read_text("utf-8") in content, path.name


def placeholders(entry: str | dict[str, str]) -> list[set[str]]:
    sentences = [entry] if isinstance(entry, str) else entry.values()
    return [set(re.findall(r"\{(\w+)\}", sentence)) for sentence in sentences]


def test_both_languages_say_the_same():
    english, chinese = TEXTS["en"], TEXTS["zh-CN"]
    assert set(chinese) == set(english)
    for key, entry in english.items():
        assert placeholders(entry)[0] == placeholders(chinese[key])[0], key
        assert all(names == placeholders(entry)[0] for names in placeholders(entry)), key


def test_every_word_that_a_script_asks_for_is_there_and_every_word_is_used():
    source = "\n".join([*SCRIPTS.values(), (WEB / "page.html").read_text("utf-8")])
    words = set(re.findall(r'["\'`]([a-z][\w.: -]*)["\'`]', source))
    asked = set(re.findall(r'\bt\(\s*"([^"]+)"', source))
    asked |= set(re.findall(r'data-(?:text|label|placeholder)="([^"]+)"', source))
    assert asked <= set(TEXTS["en"])
    # Keys made of parts: t(`viewer.${key}`).
    made = [
        re.sub(r"\\\$\\\{[^}]*\\\}", "[^.]+", re.escape(key))
        for key in re.findall(r"`([^`\s]*\$\{[^`]*)`", source)
    ]
    unused = [
        key
        for key in TEXTS["en"]
        if key not in words | asked and not any(re.fullmatch(key_made, key) for key_made in made)
    ]
    assert unused == []
