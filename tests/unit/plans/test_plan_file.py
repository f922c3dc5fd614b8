from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dupimg.errors import UsageError
from dupimg.plans.plan_file import parse_plan_file, read_edits, replace_file

HERE = Path("plan.csv")
PLAN = '''notes,path,action,scene,destination,digest,stars
"first
line, and a ""word""",b.jpg,keep,2,processed/b.jpg,d2,5
,a.jpg,"remove",1,remove/a.jpg,d1
,'=c.jpg, Keep ,"7,0",,d3,
,,,,,,
'''


def parsed(text=PLAN, encoding="utf-8"):
    return parse_plan_file(text.encode(encoding), HERE)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["\n", ""])
def test_every_byte_stays_but_those_of_the_cell(encoding, separator, line_end, last):
    text = PLAN.replace(",", separator).replace("7" + separator, "7,").removesuffix("\n") + last
    mark = "\ufeff" if encoding == "utf-16-be" else ""

    def written(text):
        return (mark + text.replace("\n", line_end)).encode(encoding)

    plan = parse_plan_file(written(text), HERE)
    assert plan.content == written(text)
    changed = plan.with_cells({("b.jpg", "action"): "leave", ("a.jpg", "action"): "keep"})
    expected = text.replace("keep", "leave", 1).replace('"remove"', '"keep"')
    assert changed.content == written(expected)
    assert changed.edits == parse_plan_file(changed.content, HERE).edits
    assert changed.stamp != plan.stamp
    back = changed.with_cells({("b.jpg", "action"): "keep", ("a.jpg", "action"): "remove"})
    assert (back.content, back.stamp) == (plan.content, plan.stamp)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line", ["sep={0}\n", "SEP={0}\r\n", '"sep={0}"\r', "\nsep={0}{0}{0}\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_first_line_that_names_the_separator_is_read_and_stays(encoding, line, separator):
    text = PLAN.replace(",", separator).replace("7" + separator, "7,")
    content = (line.format(separator) + text).encode(encoding)
    plan = parse_plan_file(content, HERE)
    assert plan.content == content
    assert plan.separator == separator
    assert plan.edits == parsed(text).edits
    changed = plan.with_cells({("b.jpg", "action"): "leave"})
    assert changed.content == content.decode(encoding).replace("keep", "leave", 1).encode(encoding)


def test_a_separator_that_another_program_has_changed_is_found():
    assert parsed("sep=;,,,,,,\n" + PLAN).edits == parsed().edits
    with pytest.raises(UsageError, match="which is empty"):
        parsed("sep=;\n")


def test_cells_are_given_as_they_are_written():
    plan = parsed()
    assert plan.cell("=c.jpg", "action") == " Keep "
    assert plan.cell("=c.jpg", "scene") == "7,0"
    assert plan.cell("a.jpg", "stars") == ""  # a short row
    assert plan.cell("nowhere.jpg", "action") is None
    assert [edit.number for edit in plan.edits if edit] == [2, 3, 4]
    assert plan.edits[3] is None


def test_a_cell_that_a_row_lacks_is_added():
    changed = parsed().with_cells({("a.jpg", "stars"): "4"})
    assert ',a.jpg,"remove",1,remove/a.jpg,d1,4\n' in changed.content.decode()
    assert changed.cell("a.jpg", "stars") == "4"


def test_of_two_rows_of_a_file_the_one_that_counts_changes():
    plan = parsed(PLAN + ",a.jpg,keep,1,,d1\n").with_cells({("a.jpg", "action"): "leave"})
    assert [edit.action for edit in plan.edits if edit and edit.path == "a.jpg"] == [
        "remove", "leave",
    ]  # fmt: skip


TEXTS = st.text(st.sampled_from("ab \",;\t\n\r'=é猫"), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=4),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(",;\t"),
    TEXTS,
    st.integers(0, 3),
)
def test_other_cells_keep_their_texts_whatever_they_are(notes, quoting, separator, text, chosen):
    header = ["one", "path", "action", "scene", "destination", "digest", "two"]
    rows = [[a, f"{i}.jpg", "keep", "1", "", "d", b] for i, (a, b) in enumerate(notes)]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, quoting=quoting).writerows([header, *rows])
    chosen %= len(rows)
    plan = parsed(out.getvalue())
    changed = plan.with_cells({(f"{chosen}.jpg", "scene"): text})
    rows[chosen][3] = text
    reader = csv.reader(io.StringIO(changed.content.decode(), newline=""), delimiter=separator)
    assert list(reader) == [header, *rows]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "which is empty"),
        (b"\r\n\r\n", "which is empty"),
        (b"path,action\na,keep\n", "without the column scene, destination, digest"),
        ("path,é".encode("latin-1"), "CSV UTF-8"),
        (b"path,action,scene,destination,digest\n\"a,keep,1,,d", "which is no CSV file"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(content, message):
    with pytest.raises(UsageError, match=message):
        parse_plan_file(content, HERE)


def test_a_file_is_replaced_whole_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    replace_file(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    assert [file.name for file in tmp_path.iterdir()] == ["plan.csv"]


def test_what_cannot_be_written_stays_as_it_was(read_only_filesystem, tmp_path):
    with pytest.raises(UsageError, match=r"could not be written \(Read-only"):
        replace_file(read_only_filesystem / "plan.csv", b"new")
    (tmp_path / "plan.csv").mkdir()  # in the way, as a file that Windows holds open is
    with pytest.raises(UsageError, match="close it there"):
        replace_file(tmp_path / "plan.csv", b"new")
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == []


WRITER = """
import sys
from pathlib import Path
from dupimg.plans.plan_file import parse_plan_file, replace_file
path = Path(sys.argv[1])
plan = parse_plan_file(path.read_bytes(), path)
print("ready", flush=True)
while True:
    for action in ("keep", "remove", "leave"):
        plan = plan.with_cells({(f"{i}.jpg", "action"): action for i in range(0, 3000, 7)})
        replace_file(path, plan.content)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_in_the_middle_of_writing_leaves_a_whole_plan(tmp_path):
    path = tmp_path / "plan.csv"
    head = "path,action,scene,destination,digest\n"
    path.write_text(head + "".join(f"{i}.jpg,keep,1,,d{i}\n" for i in range(3000)))
    command = [sys.executable, "-c", WRITER, str(path)]
    written = set()
    for number, delay in enumerate((0.01, 0.03, 0.05, 0.08, 0.13, *[0.5, 0.7, 1.1] * 4)):
        if number > 4 and len(written) > 1:
            break  # the longer ones are for a busy machine
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as writer:
            writer.stdout.readline()
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        edits = read_edits(path)
        assert len(edits) == 3000
        actions = {edit.action for edit in edits[::7]}
        assert len(actions) == 1
        written |= actions
    assert len(written) > 1  # the kills came while it wrote
