from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dupimg.messages import as_text
from dupimg.plans.report import COLUMNS, from_cell, read_report, to_cell, write_report
from dupimg.plans.rows import Row

ODD_NAMES = [
    "plain.jpg", "with space.jpg", "猫.jpg", "🐈.jpg", "=1+1.jpg", "+1.jpg", "-x.jpg", "@a.jpg",
    "'quoted.jpg", '"quoted".jpg', "a,b;c\td.jpg", "line\nbreak\r\n.jpg", "back\\slash.jpg",
    "0012", "1e5", "TRUE", "2024-01-02", "1/2", " leading.jpg", "trailing.jpg ", "\x1b[31mred.jpg",
    "\udce9\udcff.jpg", "＝1.jpg", "\u2028.jpg", "\ufeffbom.jpg", "NA", "nan", "", "\\u0041.jpg",
]  # fmt: skip

# What a file can be called: Unicode, and bytes that are none as Python shows them.
file_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.integers(0xDC80, 0xDCFF).map(chr),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_survive_as_cells(name):
    cell = to_cell(name)
    assert from_cell(cell) == name
    assert not cell.startswith(("=", "+", "-", "@", "＝", " ", "\t"))
    assert cell.isprintable()
    cell.encode()


@given(file_names)
def test_any_name_survives_as_a_cell(name):
    cell = to_cell(name)
    assert from_cell(cell) == name
    assert "\n" not in cell
    cell.encode()


@pytest.mark.parametrize("name", ["0012", "1e5", "TRUE", "2024-01-02", "1/2", "NA", "README"])
def test_what_a_spreadsheet_could_take_for_data_is_marked_as_text(name):
    assert to_cell(name) == f"'{name}"


@pytest.mark.parametrize("name", ["IMG_0001.jpg", "2024/06/a b (1).HEIC", "猫/_x.png"])
def test_everyday_names_are_written_as_they_are(name):
    assert to_cell(name) == name


def test_the_columns_are_those_that_the_readme_lists():
    assert ",".join(COLUMNS) == (
        "path,action,destination,scene,scene_name,duplicate_group,keeper,cosine_to_keeper,"
        "nearest_cosine,taken_at,taken_from,event,width,height,bytes,digest,reason,companion_of,"
        "compared_with,thumb_correlation,verdict,overlap,difference,shared_details,"
        "nearest_scene_cosine"
    )


def test_rows_survive_the_file(tmp_path):
    rows = tuple(
        Row(
            path=name,
            action="keep",
            destination=f"processed/{i}.jpg",
            scene=i or None,
            keeper=name[::-1],
            nearest_cosine=0.123456 if i else None,
            compared_with=name if i else "",
            thumb_correlation=-0.5 if i else None,
            verdict="same scene" if i else "",
            overlap=0.75 if i else None,
            difference=0.000123 if i else None,
            shared_details=i or None,
            taken_at="2025-06-13T23:07:56.444+02:00",
            bytes=i,
            digest="0" * 64,
            reason=as_text("=a reason"),
        )
        for i, name in enumerate(ODD_NAMES)
    )
    write_report(rows, tmp_path / "report.csv")
    assert read_report(tmp_path / "report.csv") == rows
    assert (
        (tmp_path / "report.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,action,destination,")
    )
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "report.csv").write_text(",".join(COLUMNS[1:]) + "\n")
    with pytest.raises(ValueError, match="without path, expected"):
        read_report(tmp_path / "report.csv")


def test_a_report_from_before_a_column_came_up_is_read(tmp_path):
    path, row = tmp_path / "report.csv", Row("a.jpg", "keep", scene=1, nearest_scene_cosine=0.5)
    write_report([row], path)
    assert read_report(path) == (row,)
    lines = path.read_text("utf-8-sig").splitlines()
    path.write_text("\n".join(line.rsplit(",", 4)[0] for line in lines))
    assert read_report(path) == (replace(row, nearest_scene_cosine=None),)
