"""What dupimg tells people: every code has words in every language, and the values they name."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import re
from pathlib import Path

import pytest
from files import sample
from PIL import Image

from dupimg import messages
from dupimg.errors import UsageError
from dupimg.files.images import UnreadablePhoto, read_photo
from dupimg.messages import Message, as_text, details, message, quoted, why

PACKAGE = Path(__file__).parents[2] / "dupimg"
ENGLISH, CHINESE = messages.templates()["en"], messages.templates()["zh-CN"]


# Options and commands, which who uses a page does not type.
NAMES_OPTION = re.compile(r"--\w|\w_dir\b|\w\}?=|`dupimg|\{(status|undo|apply|command)\}")
TERMINAL_ONLY = {
    "note.planned",
    "refused.no_plan_beside",
    "refused.output_exists",
    "refused.output_inside",
    "refused.unasked",
}


def forms(entry: str | dict[str, str]) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def shown(entry: str | dict[str, str]) -> set[str]:
    """Return the values that a template shows: all its plural forms must show the same."""
    (names,) = {frozenset(re.findall(r"\{(\w+)\}", form)) for form in forms(entry)}
    return set(names)


def needed(code: str) -> set[str]:
    """Return the values that a message of a code must have."""
    entries = ENGLISH[code], CHINESE[code]
    is_counted = any(not isinstance(entry, str) for entry in entries)
    return shown(entries[0]) | ({"count"} if is_counted else set())


def codes_of(node: ast.expr) -> set[str]:
    """Return the codes that an expression can be: they are written literally, one or a choice."""
    if isinstance(node, ast.IfExp):
        return codes_of(node.body) | codes_of(node.orelse)
    if isinstance(node, ast.Subscript):
        choice = node.value.values if isinstance(node.value, ast.Dict) else node.value.elts
        return set().union(*map(codes_of, choice))
    assert isinstance(node, ast.Constant), f"line {node.lineno}: write the code literally"
    return {node.value}


def made_messages() -> list[tuple[str, str, set[str]]]:
    """Return where messages are made: the place, the code and the names of the values."""
    made = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if not called or node.func.id != "message":
                continue
            if path != PACKAGE / "messages.py" or isinstance(node.args[0], ast.Constant):
                place = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                values = {keyword.arg for keyword in node.keywords}
                made += [(place, code, values) for code in codes_of(node.args[0])]
    return made


MADE = made_messages()


def test_every_message_has_words_that_name_just_its_values():
    wrong = [
        (place, code)
        for place, code, values in MADE
        if code not in ENGLISH or needed(code) != values
    ]
    assert len(MADE) > 100
    assert wrong == []


def test_every_code_has_words_in_every_language_that_name_the_same_values():
    assert set(ENGLISH) == set(CHINESE)
    for code, entry in ENGLISH.items():
        assert shown(CHINESE[code]) == shown(entry), code
        assert all(form.strip() for form in (*forms(entry), *forms(CHINESE[code]))), code


def test_every_code_is_used():
    used = {code for _, code, _ in MADE}
    # Words of the system and of decoders are found by what they say.
    used |= {
        quoted(form.replace("{number}", "7")).code for e in ENGLISH.values() for form in forms(e)
    }
    assert set(ENGLISH) - used == set()


def test_the_words_of_the_pages_and_of_messages_have_different_keys():
    texts = json.loads((PACKAGE / "web/text.json").read_text("utf-8"))
    assert not set(texts["en"]) & set(ENGLISH)


def test_the_pages_have_words_of_their_own_for_messages_that_name_options():
    own = json.loads((PACKAGE / "web/page_messages.json").read_text("utf-8"))
    assert set(own["en"]) == set(own["zh-CN"])
    for language, templates in (("en", ENGLISH), ("zh-CN", CHINESE)):
        for key, entry in own[language].items():
            if key.startswith("rule.name."):
                continue
            code = key.removeprefix("page.")
            assert shown(entry) <= shown(ENGLISH[code]) | {"count"}, code
            assert not any("--" in form for form in forms(entry)), code
        named = {c for c, e in templates.items() if any(map(NAMES_OPTION.search, forms(e)))}
        named = {c for c in named - TERMINAL_ONLY if not c.startswith("next.")}
        assert {f"page.{c}" for c in named} <= set(own[language])


def test_a_message_survives_json_and_is_equal_and_hashable_by_its_content():
    inner = message("problem.cannot", why=as_text("no utf-8 \udcff"))
    outer = message("any", count=3, name="a", inner=inner)
    assert Message.from_json(json.loads(json.dumps(outer.to_json()))) == outer
    assert outer == message("any", inner=inner, name="a", count=3)
    assert len({outer, message("any", inner=inner, name="a", count=3)}) == 1


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 duplicates"), (1, "1 duplicate"), (1200, "1,200 duplicates")]
)
def test_english_has_plurals_and_separators(count, told):
    assert str(message("reason.keeper_of", count=count)) == f"keeper of {told}"


def test_a_name_with_braces_stays_as_it_is():
    assert str(message("reason.sidecar", photo="{photo} {0}.jpg")) == "sidecar of {photo} {0}.jpg"


def test_words_of_others_keep_their_english():
    for words in (*map(os.strerror, errno.errorcode), "decoder error -2", "a; b: 7 of 8", ""):
        assert str(quoted(words)) == words
    assert quoted(os.strerror(errno.ENOSPC)).code == "why.no_space"
    assert quoted("decoder error -2") == message("why.decoder_error", number="-2")


def test_what_an_error_says():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert why(full) == message("why.no_space")
    assert str(details(full)) == str(full)
    ours = OSError(errno.ENOENT, message("why.gone", path="a"))
    assert (why(ours).code, str(details(ours)), str(ours)) == (
        "why.gone",
        "[Errno 2] a is gone",
        "[Errno 2] a is gone",
    )
    with_path = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.jpg")
    assert str(details(with_path)) == str(with_path)
    assert str(details(KeyError())) == "KeyError"


def test_an_error_of_several_messages_is_told_line_by_line():
    error = UsageError(message("problem.no_step"), "in English")
    assert str(error) == "There is no step to take back.\n  in English"
    assert error.messages == (message("problem.no_step"), as_text("in English"))


def texts_in(told: Message) -> list[str]:
    found = [value for _, value in told.values if isinstance(value, Message)]
    return [told.code] * (told.code == "text") + [text for m in found for text in texts_in(m)]


def test_what_decoders_say_of_broken_photos_has_a_translation(tmp_path):
    """Cut real photos short, and change bytes of them."""
    untold = set()
    with Image.open(sample("chelsea.png")) as picture:
        for suffix in ("jpg", "png", "bmp", "tif", "webp", "gif", "jp2"):
            whole = io.BytesIO()
            picture.convert("RGB").save(
                whole,
                {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix)
                if suffix != "jp2"
                else "jpeg2000",
            )
            content = whole.getvalue()
            cuts = [content[: len(content) * i // 8] for i in range(1, 8)]
            flaws = [content[:n] + b"\xff" * 9 + content[n + 9 :] for n in (20, len(content) // 2)]
            for broken in (*cuts, *flaws):
                (tmp_path / f"half.{suffix}").write_bytes(broken)
                try:
                    read_photo(tmp_path / f"half.{suffix}", 64)
                except UnreadablePhoto as error:
                    if texts_in(error.message):
                        untold.add(str(error))
    assert len(untold) <= 3, untold  # what only one format says may stay English
