"""What Python says, told in Chinese by the page: real sentences through the real templates."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import PIL
import pytest
from browser import visits
from files import sample
from PIL import Image

from dupimg.errors import UsageError
from dupimg.files import raw
from dupimg.files.images import UnreadablePhoto, read_photo
from dupimg.plans.merge import merge_edits
from dupimg.plans.naming import name_rows
from dupimg.plans.plan_file import Edit, parse_plan_file, read_bytes, replace_file
from dupimg.plans.rows import KEEP, OTHER, Row
from dupimg.review.review_session import PlanChanged
from dupimg.runs import preflight
from dupimg.runs.journal import locked
from dupimg.runs.result import command_line, explain_resume
from dupimg.runs.transfer import place, probe

PACKAGE = Path(__file__).parents[2] / "dupimg"
WEB = PACKAGE / "web"
TEXTS = json.loads((WEB / "text.json").read_text("utf-8"))["zh-CN"]
KINDS = ("reason", "note", "problem", "why", "where", "change", "goes")


@pytest.fixture
def chinese(browser, tmp_path):
    """Return a function that says a sentence as the page does to readers of Chinese."""
    page = tmp_path / "text.html"
    texts = json.dumps({"en": {}, "zh-CN": TEXTS}).replace("<", "\\u003c")
    page.write_text(
        f'<p>words</p><script type="application/json" id="text">{texts}</script>'
        f"<script>{(WEB / 'text.js').read_text('utf-8')}</script>",
        "utf-8",
    )
    with visits(browser, ready="p") as visit:
        shown = visit(page.as_uri())
        shown.evaluate("() => setLanguage('zh-CN')")
        yield lambda kind, sentence: shown.evaluate(
            "([kind, sentence]) => kind === 'reason' ? formatReason(sentence)"
            " : told(kind, sentence)",
            [kind, sentence],
        )


def english(text: str) -> list[str]:
    """Return the English words of a text, but for paths, commands and what is the computer's."""
    names = r"/[\w./-]*|`[^`]*`|--\w+|\b\w+\.csv\b|(input|output)_dir|CSV|UTF|Excel|LibreOffice"
    return re.findall(r"[A-Za-z]{3,}", re.sub(names, "", text))


def error_of(action, *arguments) -> str:
    with pytest.raises((UsageError, OSError)) as caught:
        action(*arguments)
    return str(caught.value)


def assert_told(chinese, *sentences: str) -> None:
    told = {sentence: chinese("problem", sentence) for sentence in sentences}
    assert {sentence: text for sentence, text in told.items() if english(text)} == {}


def test_what_is_wrong_with_a_folder_is_told(chinese, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with locked(tmp_path / "out"):
        busy = error_of(locked(tmp_path / "out").__enter__)
    assert_told(
        chinese,
        error_of(preflight.check_input, tmp_path / "nowhere"),
        error_of(preflight.check_input, tmp_path / "file"),
        busy,
        str(PlanChanged("stamp")),
    )


def test_what_a_filesystem_cannot_do_is_told(chinese, tmp_path, small_filesystem):
    folder, size = small_filesystem
    (folder / "out/.dupimg").mkdir(parents=True)
    (folder / "photo").write_bytes(b"x")
    (tmp_path / "in").mkdir()
    assert_told(
        chinese,
        error_of(preflight.check_space, 2 * size, tmp_path, folder / "out", "copy"),
        error_of(preflight.check_space, 2 * size, tmp_path, folder / "out", "move"),
        error_of(probe, "reflink", folder / "photo", folder / "out"),
        error_of(probe, "hard_link", tmp_path / "file", folder / "out"),
    )


def test_what_may_not_be_written_is_told(chinese, tmp_path, read_only_filesystem):
    (tmp_path / "out").mkdir()
    assert_told(
        chinese,
        error_of(preflight.check_space, 1, read_only_filesystem, tmp_path / "out", "move"),
        error_of(replace_file, read_only_filesystem / "plan.csv", b""),
        error_of(locked(read_only_filesystem / "out").__enter__),
    )


def test_what_is_wrong_with_a_plan_is_told(chinese, tmp_path):
    plan = tmp_path / "plan.csv"
    contents = (
        b"",
        b'path,action,scene,destination,digest\n"unfinished',
        b'path,action,scene,destination,digest\n"a"b,keep\n',
        b"path,action\na.jpg,keep\n",
        "path,action,scene,destination,digest\ncafé.jpg,keep".encode("latin-1"),
    )
    sentences = [error_of(parse_plan_file, content, plan) for content in contents]
    columns = ("path", "action", "scene", "destination", "digest")
    told = [chinese("problem", sentence) for sentence in (*sentences, error_of(read_bytes, plan))]
    for name in columns:
        told = [text.replace(name, "") for text in told]
    assert [text for text in told if english(text)] == []


def test_a_full_disk_is_told(chinese, tmp_path):
    def run():
        with explain_resume(command_line("apply", tmp_path)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert_told(chinese, f"OSError: {error_of(run)}")


def test_why_a_file_was_not_copied_is_told(chinese, tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"another")
    for error in (
        error_of(place, tmp_path / "a", tmp_path / "b", "copy", 64 * "0"),
        error_of(place, tmp_path / "a", tmp_path / "c", "copy", 64 * "0"),
        error_of(place, tmp_path / "nowhere", tmp_path / "d", "copy", 64 * "0"),
    ):
        why = re.sub(r"^\[Errno \d+\] |: '.*", "", error)
        told = chinese("reason", f"NOT copied: {why}; no duplicate")
        assert english(told) == []
        assert "\u2068" not in told


def test_why_a_photo_cannot_be_read_is_told(chinese, tmp_path):
    """Cut real photos short, and change bytes of them: what decoders say then has a translation."""
    untold = {}
    with Image.open(sample("chelsea.png")) as picture:
        for suffix in ("jpg", "png", "bmp", "tif", "webp", "gif", "jp2"):
            picture.convert("RGB").save(tmp_path / f"whole.{suffix}")
            whole = (tmp_path / f"whole.{suffix}").read_bytes()
            cuts = [whole[: len(whole) * i // 8] for i in range(1, 8)]
            flaws = [whole[:n] + b"\xff" * 9 + whole[n + 9 :] for n in (20, len(whole) // 2)]
            for content in (*cuts, *flaws):
                (tmp_path / f"half.{suffix}").write_bytes(content)
                try:
                    read_photo(tmp_path / f"half.{suffix}", 64)
                except UnreadablePhoto as error:
                    told = chinese("reason", str(error))
                    if english(re.sub("[A-Z]{3,}[0-9]*|WebP", "", told)):
                        untold[str(error)] = told
    # A sentence that only one format has may stay as it is, marked as English.
    assert len(untold) <= 3
    assert all(re.search("\u2068.+\u2069", told, re.DOTALL) for told in untold.values()), untold


def test_every_template_is_that_of_a_sentence_that_python_can_say(tmp_path):
    """Whoever words a sentence anew is told that its translation is lost."""
    texts = [os.strerror(number) for number in errno.errorcode]
    for folder in (PACKAGE, Path(PIL.__file__).parent):
        for path in folder.rglob("*.py"):
            texts += _texts(ast.parse(path.read_text("utf-8")))
    said = "\n".join([*texts, *_words_of_others(tmp_path), *_real_problems()])
    lost = [
        key
        for key in TEXTS
        if key.startswith(tuple(f"{kind}: " for kind in KINDS))
        and not all(_is_said(part, said) for part in PART.split(key.split(": ", 1)[1]))
    ]
    assert lost == []


def test_a_sentence_that_python_cannot_say_is_noticed():
    said = "duplicate group \n would go as a whole, one must stay."
    assert _is_said(" would go as a whole, one must stay.", said)
    assert not _is_said(" would vanish as a whole, one must stay.", said)


PART = re.compile(r"\{\w+\}")


def _is_said(text: str, said: str) -> bool:
    """Return whether a text is put together from at most three texts of a program."""
    for _ in range(3):
        known = (length for length in range(len(text), 0, -1) if text[:length] in said)
        text = text[next(known, 0) :]
    return not text


def _texts(tree: ast.AST) -> list[str]:
    """Return what a module may say; what is put into a sentence is a line of its own."""
    texts = []
    documentation = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and node.value
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "\n" for part in node.values]
            texts.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts += [] if node in documentation else [node.value]
    return texts


def _words_of_others(folder: Path) -> Iterator[str]:
    """Yield what libraries say whose sentences are not written in Python."""
    broken = folder / "broken.raf"
    broken.write_bytes(b"FUJIFILMCCD-RAW " + bytes(99))
    with broken.open("rb") as file:
        yield error_of(raw.open_preview, broken, file)
    with pytest.raises(ValueError, match="raw mode") as caught:
        Image.frombytes("L", (1, 1), b"x", "raw", "none")
    yield str(caught.value)
    for text in (b'path\n"unfinished', b'path\n"a"b'):
        yield error_of(parse_plan_file, text, folder)
    yield str(OSError(errno.ENOENT, ""))
    yield from _words_of_decoders()


def _words_of_decoders() -> Iterator[str]:
    with Image.open(sample("chelsea.png")) as picture:
        for kind in ("PNG", "WEBP"):
            whole = io.BytesIO()
            picture.convert("RGB").save(whole, kind)
            for fill in (b"\0", b"\xff"):
                content = bytearray(whole.getvalue())
                middle = len(content) // 2
                content[middle : middle + 20] = 20 * fill
                with pytest.raises(OSError, match=r"image file|frame") as wrong:
                    Image.open(io.BytesIO(content)).load()
                yield str(wrong.value)


def _real_problems() -> tuple[str, ...]:
    """Return what is said about actions that there are not."""
    rows = name_rows([Row("a.jpg", KEEP, scene=1, taken_at="2024-05-01"), Row("b.txt", OTHER)])
    edits = [Edit(n, row.path, "kep", "", "", "") for n, row in enumerate(rows, start=2)]
    return merge_edits(rows, edits).problems
