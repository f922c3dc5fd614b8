"""A plan that a real LibreOffice opened and saved: nothing may have changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from files import make_files, read_files
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from dupimg.cli.main import main
from dupimg.files.cache import Cache
from dupimg.files.inputs import Inputs
from dupimg.messages import as_text
from dupimg.plans.naming import name_rows
from dupimg.plans.record import Record, Run
from dupimg.plans.report import from_cell, to_cell, write_report, write_table
from dupimg.plans.rows import Row
from dupimg.review.edited_plan import Choice
from dupimg.review.review_session import ReviewSession
from dupimg.runs.journal import locked, write_plan

# What spreadsheets run, turn into something else, strip or cannot hold.
HAZARDS = [
    "照片 2024.jpg", "🐈‍⬛.jpg", "Ünïcödé é.png", "e\u0301.png", "=1+1", "=cmd|' -C calc'!A0.jpg",
    "+1.jpg", "-2", "@SUM(1)", '=HYPERLINK("http:x","y").jpg', "＝1＋1", "'quoted'.jpg", "'0012",
    "''", "\"double\".jpg", '"', "a,b;c\td.jpg", "two\nlines.jpg", "cr\r\nlf", "0012", "1e5",
    "1E-3", "TRUE", "false", "3-4", "2024-05-01", "01.05.2024", "10:30", "12:30:45.5", "Jan 5",
    "5%", "$5", "€ 5", "1,000", "1.000,5", "(5)", "0x1F", "#N/A", "#REF!", "1∕2",
    "12345678901234567890", "123456789012345678901234567890.jpg", " leading", "trailing ",
    "trailing.jpg ", "\u00a0nbsp\u00a0", "\u3000wide\u3000", "\ttab\t", "back\\slash", "\\u000a",
    "\\x41.jpg", "_x000D_.jpg", "caf\udce9.jpg", "\x1b[31mred\x1b[0m", "\x7f", "\u202egpj.exe",
    "\u2028line", "\ufeffbom", "\uffff", "NULL", "nan", "1st.jpg", "e", "E5", "1d5", "²", "٣",
    "१२", "½", "x" * 255, "猫" * 85, ".hidden", "-", "=", "'", "[1]", "{=1}", "a" * 200 + ".jpg",
    "--1", "+-1", "1 000", "1'000", "0", "-0", "007.", "1.", ".5", "MARCH1", "SEPT2", "2-MAR",
    "1:2", "R1C1", "A1", "$A$1", "\U0001f1e9\U0001f1ea", "\U0010fffd.jpg",
]  # fmt: skip


def random_names(count: int) -> list[str]:
    """Return names that a filesystem takes, the same in every run."""
    names: set[str] = set()
    letter = st.one_of(
        st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)),
        st.sampled_from("=+-@'\"\\,;:.%#0123456789eE \n\t"),
        st.integers(0xDC80, 0xDCFF).map(chr),  # bytes that are no UTF-8
    )

    @settings(max_examples=2 * count, derandomize=True, database=None, deadline=None)
    @given(st.text(letter, min_size=1, max_size=60), st.sampled_from(["", ".jpg", ".5"]))
    def collect(stem, suffix):
        name = os.fsdecode(os.fsencode(stem + suffix))  # neighbouring bytes may become a letter
        if name not in (".", "..") and len(os.fsencode(name)) <= 255:
            names.add(name)

    collect()
    return sorted(names)[:: max(1, len(names) // count)][:count]


def convert(soffice: str, target: str, folder: Path, *files: Path, read: str = "") -> None:
    """Let LibreOffice open files and save them in a folder; options as in its dialogs."""
    subprocess.run(
        [
            soffice, "--headless", f"-env:UserInstallation={(folder / 'profile').as_uri()}",
            *([f"--infilter={read}"] if read else []),
            "--convert-to", target, "--outdir", folder, *files,
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def soffice() -> str:
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("needs LibreOffice (Debian: libreoffice-calc-nogui)")
    return program


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# Comma; quotes around text; UTF-8; from row 1; all columns standard; American; quoted cells are no
# text; numbers, dates and formulas wherever one could be meant.
EAGER = "CSV:44,34,76,1,,1033,false,true,false,false,false,-1,true,true"

# Comma, and semicolon with quotes around all text.
SAVED = {"comma": "44,34,76", "semicolon": "59,34,76,1,,0,true,true,false"}


@pytest.fixture(scope="module")
def converted(soffice, tmp_path_factory):
    """Plan some files; let LibreOffice open the plan and save it as a workbook and as CSV."""
    folder = tmp_path_factory.mktemp("spreadsheet")
    names = list(dict.fromkeys([*HAZARDS, *random_names(300)]))
    assert len(names) >= 380
    contents = {name: f"content {number}".encode() for number, name in enumerate(names)}
    make_files(folder / "in", contents)
    rows = []
    for number, (name, content) in enumerate(contents.items()):
        known = {"bytes": len(content), "digest": digest(content), "modified_ns": 10**18}
        if number % 2:
            rows.append(Row(name, "other", reason=as_text("not a picture"), **known))
        else:
            when = f"2024-05-01T10:{number // 60:02}:{number % 60:02}.000"
            rows.append(Row(name, "keep", scene=1 + number // 9, taken_at=when, **known))
    output = folder / "out"
    with locked(output):
        write_plan(output, Record(Run(Inputs.join([folder / "in"]), ""), name_rows(rows)))
    write_report(name_rows(rows), output / "plan.csv")
    write_table({"path": ["=1+1", to_cell("=1+1")]}, folder / "unprotected.csv")
    convert(soffice, "xlsx", folder, output / "plan.csv", folder / "unprotected.csv", read=EAGER)
    for name, options in SAVED.items():
        target = f"csv:Text - txt - csv (StarCalc):{options}"
        convert(soffice, target, folder, folder / "plan.xlsx")
        (folder / "plan.csv").rename(folder / f"{name}.csv")
    return contents, output, folder


@pytest.mark.parametrize("separator", SAVED)
def test_a_plan_that_libreoffice_saved_is_carried_out_as_decided(converted, separator, capsys):
    contents, output, folder = converted
    shutil.copy(folder / f"{separator}.csv", output / "plan.csv")
    assert main(["apply", str(output)]) == 0
    assert "the plan is carried out as it was decided" in capsys.readouterr().out
    placed = [content for name, content in read_files(output).items() if "/" in name]
    assert sorted(placed) == sorted(contents.values())
    assert main(["undo", str(output), "--quiet"]) == 0


@pytest.mark.parametrize("separator", SAVED)
def test_a_plan_that_libreoffice_saved_can_be_reviewed(converted, separator):
    _, output, folder = converted
    saved = (folder / f"{separator}.csv").read_bytes()
    (output / "plan.csv").write_bytes(saved)
    with Cache(None) as cache:
        session = ReviewSession(output, cache)
        state = session.current()
        assert (state.problems, state.planned.changes) == ((), ())
        leave = [Choice(row.path, "leave") for row in state.rows]
        session.decide(state.file.stamp, leave)
        state = session.current()
        assert {row.action for row in state.rows} == {"leave"}
        assert len(state.file.content.splitlines()) == len(saved.splitlines())
        session.undo(state.file.stamp)
    assert (output / "plan.csv").read_bytes() == saved


def test_no_cell_runs_in_a_spreadsheet(converted):
    sheet = load_workbook(converted[2] / "plan.xlsx").active
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert len(cells) > 380 * 10
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    column = next(cell.column for cell in sheet[1] if cell.value == "path")
    assert all(sheet.cell(row, column).data_type == "s" for row in range(2, sheet.max_row + 1))


def test_an_unprotected_formula_would_run(converted):
    sheet = load_workbook(converted[2] / "unprotected.xlsx").active
    assert [sheet.cell(row, 1).data_type for row in (2, 3)] == ["f", "s"]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="utf-8")) | st.text("=+-@'\\u0ax \n\t\"1e", max_size=8))
def test_every_text_comes_back_from_its_cell(text):
    cell = to_cell(text)
    assert from_cell(cell) == from_cell(cell.removeprefix("'")) == text
    assert from_cell(f" {cell} ".strip(" ")) == text
    assert cell.isspace() is False
    assert not set(cell) & set("\n\r\t\0\x1b")
    assert not cell.startswith(("=", "+", "-", "@"))
