"""The public names, and the verbs as functions: the same as the commands."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys

import pytest
from files import make_files, read_files, sample, save
from PIL import Image

import dupimg
from dupimg.cli.main import COMMANDS, main
from dupimg.options.fields import COMMAND_LINE_ONLY, ordered_fields

VERBS = ("organize", "plan", "apply", "add", "undo", "trash", "status", "embed", "compare")


@pytest.fixture
def photos(tmp_path):
    with Image.open(sample("flower.jpg")) as flower:
        save(flower, tmp_path / "in/large.jpg", quality=95)
        save(flower.resize((320, 214)), tmp_path / "in/small.jpg", quality=95)
    make_files(tmp_path / "in", {"notes.txt": "no photo"})
    return tmp_path / "in"


def test_the_names_that_are_shown_are_the_public_ones():
    assert dir(dupimg) == sorted([*dupimg.__all__, "__version__"])
    for name in dupimg.__all__:
        assert getattr(dupimg, name).__doc__
    assert {*VERBS, "PhotoEmbedder", "UsageError"} <= {*dupimg.__all__}
    with pytest.raises(AttributeError, match="has no attribute 'organise'"):
        _ = dupimg.organise


def test_public_names_are_imported_when_used():
    code = (
        "import sys, dupimg; dupimg.organize; dupimg.Result\n"
        "print(*{'torch', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_the_options_of_its_command_and_documents_each(verb):
    fields = ordered_fields(COMMANDS[verb].options)
    fields = [field for field in fields if field.name not in COMMAND_LINE_ONLY]
    parameters = inspect.signature(getattr(dupimg, verb)).parameters
    text = pydoc.render_doc(getattr(dupimg, verb), renderer=pydoc.plaintext)
    for field in fields:
        assert (parameters[field.name].kind == inspect.Parameter.KEYWORD_ONLY) == field.kw_only
        assert f"\n    {field.name} : " in text
    sections = [text.index(f"\n    {name}\n    --") for name in ("Parameters", "Returns", "Raises")]
    assert sections == sorted(sections)


def test_a_run_from_python_is_that_of_the_command(photos, tmp_path):
    result = dupimg.organize(str(photos), tmp_path / "a", duplicate_threshold=0.9, quiet=True)
    words = [str(photos), str(tmp_path / "b"), "--duplicate_threshold=0.9", "--quiet"]
    assert main(["organize", *words]) == 0
    assert read_files(tmp_path / "a") == read_files(tmp_path / "b")
    assert result.counts.removed == 1
    stands = dupimg.status(tmp_path / "a")
    assert stands.state == "applied"
    assert str(stands).startswith(f"{tmp_path / 'a'}: finished, 3 of 3 files")


def test_plan_apply_and_undo_from_python(photos, tmp_path, capsys):
    before = read_files(photos)
    planned = dupimg.plan(photos, tmp_path / "out", quiet=True)
    assert dupimg.status(tmp_path / "out").state == "planned"
    applied = dupimg.apply(tmp_path / "out", process_mode="move")
    assert "the plan is carried out as it was decided" in capsys.readouterr().out
    assert [row.path for row in applied.rows] == [row.path for row in planned.rows]
    undone = dupimg.undo(tmp_path / "out", quiet=True)
    assert not undone.failed
    assert [outcome.result for outcome in undone.outcomes] == ["taken back"] * 3
    assert undone.summary().splitlines()[0] == "taken back        3 files"
    assert undone.status.state == "undone"
    assert read_files(photos) == before


def test_the_table_has_a_row_for_each_file(photos, tmp_path):
    table = dupimg.organize(photos, tmp_path / "out", dry_run=True, quiet=True).table
    header = (tmp_path / "out/report.csv").read_text("utf-8-sig").splitlines()[0]
    assert list(table) == header.split(",")
    table = table.set_index("path")
    assert sorted(table.index) == ["large.jpg", "notes.txt", "small.jpg"]
    assert table["scene"].to_dict() == {"large.jpg": 1, "small.jpg": 1, "notes.txt": None}
    assert table.loc["small.jpg", "cosine_to_keeper"] > 0.95
    kinds = {name: str(table[name].dtype) for name in ("scene", "bytes", "cosine_to_keeper")}
    assert kinds == {"scene": "Int64", "bytes": "Int64", "cosine_to_keeper": "float64"}


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"duplicate_treshold": 0.9}, "Did you mean duplicate_threshold"),
        ({"duplicate_threshold": 1.5}, "Got duplicate_threshold=1.5, expected a cosine above 0"),
        ({"debug": True}, "Got debug=True, which organize does not know"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(photos, tmp_path, keywords, message):
    with pytest.raises(dupimg.UsageError, match=message):
        dupimg.organize(photos, tmp_path / "out", **keywords)
    with pytest.raises(TypeError, match="missing a required argument: 'output_dir'"):
        dupimg.organize(photos)
    assert not (tmp_path / "out").exists()
