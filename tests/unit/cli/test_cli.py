from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from files import make_files, sample, save
from PIL import Image

from dupimg.cli.commands import BASIC, collect_options, is_basic
from dupimg.cli.help import command_help
from dupimg.cli.main import COMMANDS, confirmed, main
from dupimg.options.command_text import written_command
from dupimg.options.converters import KEEP_WORDS
from dupimg.options.run_options import OrganizeOptions


def options(*words: str) -> OrganizeOptions:
    return collect_options(COMMANDS["organize"], words)


@pytest.mark.parametrize(
    "name",
    ["2024", "a,b", "1_000", "photos#1", "-x", "with space", "照片", "🐈", "1e5", "None", "True",
     "[1]", "{}", "'q'", "a=b", "~", "-", "0012", "(1)", "a\\b", "--"],
)  # fmt: skip
def test_folder_names_arrive_as_typed(name):
    typed = (Path(name),)
    assert options(f"--input_dir={name}", "--output_dir=out").input_dir == typed
    assert options("--input-dir", name, "out").input_dir == typed
    assert options("--", name, "out").input_dir == typed
    if name not in ("-x", "--"):
        assert options(name, "out", "--quiet").input_dir == typed
        assert str(options("in", name).output_dir) == name


@pytest.mark.parametrize("word", ["--noedits", "--no-edits", "--no_edits", "--edits=no"])
def test_what_is_on_can_be_turned_off(word):
    evaluate = COMMANDS["evaluate"]
    assert not collect_options(evaluate, ["in", "--labels=l.csv", word]).edits
    assert "--edits=no " in command_help(evaluate)


def test_the_last_folder_is_the_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c,d"):
        (tmp_path / name).mkdir()
    both = (Path("a"), Path("b"))
    assert options("a", "b", "out") == options("--input_dir=a,b", "out")
    assert options("a", "b", "--output_dir=out").input_dir == both
    assert options("--input_dir=a", "--input_dir=b", "out").input_dir == both
    assert options("--input_dir=c,d,a", "out").input_dir == (Path("c,d"), Path("a"))
    assert OrganizeOptions(["a", Path("b")], "out").input_dir == both
    assert written_command("organize", options("a", "b", "out")) == "dupimg organize a b out"


def test_values_are_converted():
    got = options(
        "a", "b", "--process_type=move", "--duplicate_threshold=.99", "--scene-threshold", "0.5",
        "--keep=oldest,path", "--jobs=3", "--dry_run", "--quiet=no", "--debug=yes",
    )  # fmt: skip
    assert got == OrganizeOptions(
        "a", "b", process_mode="move", duplicate_threshold=0.99, scene_threshold=0.5,
        keep=("oldest", "path"), jobs=3, dry_run=True, quiet=False, debug=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["in"], "Got no output_dir"),
        (["in", "missing", "out"], "input_dir=missing"),
        (["in", "out", "--only=photos"], "expected one of duplicates, scenes"),
        (["in", "out", "--duplicate_treshold=1"], "Did you mean --duplicate_threshold?"),
        (["in", "out", "--treshold=1"], "mean --duplicate_threshold, --scene_threshold or --"),
        (["in", "out", "--mode=move"], "Did you mean --process_mode?"),
        (["in", "out", "--dryrun"], "Did you mean --dry_run?"),
        (["in", "out", "--modle=x"], "Did you mean --model?"),
        (["in", "out", "--model"], "without a value"),
        (["in", "out", "--exclude", "--dry_run"], "--exclude without a value"),
        (["in", "out", "-q"], "-q, which `dupimg organize` does not know"),
        (["in", "out", "--model=x", "--model=y"], "--model twice"),
        (["in", "out", "--input_dir=x"], "--input_dir twice"),
        (["in", ""], "expected a path"),
        (["in", "out", "--duplicate_threshold=0"], "above 0 and up to 1"),
        (["in", "out", "--duplicate_threshold=1.01"], "above 0 and up to 1"),
        (["in", "out", "--duplicate_threshold=nan"], "above 0 and up to 1"),
        (["in", "out", "--scene_threshold=high"], "above 0 and up to 1"),
        (["in", "out", "--scene_threshold=0.96"], "Lower the one or raise the other"),
        (["in", "out", "--process_mode=cp"], "expected one of copy, move. Did you mean copy?"),
        (["in", "out", "--scene_method=hdbscn"], "Did you mean hdbscan?"),
        (["in", "out", "--linkage=ward"], "expected one of chained, average, complete, single"),
        (["in", "out", "--keep=pixels,beauty"], "expected words out of frames,original,pixels"),
        (["in", "out", "--keep=path,path"], "each at most once"),
        (["in", "out", "--jobs=0"], "from 1 to 1024"),
        (["in", "out", "--batch_size=1.5"], "from 1 to 4096"),
        (["in", "out", "--dry_run=maybe"], "expected yes or no"),
        (["in", "out", "--nojobs"], "Got --nojobs, which `dupimg organize` does not know"),
        (["in", "out", "--nodry_run=yes"], "Got --nodry_run"),
    ],
)
def test_what_cannot_be_meant_stops_before_any_work(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    assert main(["organize", *words]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_unknown_command_gets_a_suggestion(capsys):
    assert main(["orgnize", "a", "b"]) == 2
    assert "Did you mean organize?" in capsys.readouterr().err


def help_of(name, capsys):
    assert main([name, "--help"]) == 0
    return capsys.readouterr().out


def test_help_lists_every_option_with_its_default_in_groups(capsys):
    text = help_of("organize", capsys)
    basic, advanced = text.partition("\nBasic:\n")[2].split("\nAdvanced:\n")
    assert re.findall(r"^  --(\w+)", basic + advanced, re.MULTILINE) == [
        *(field.name for field in COMMANDS["organize"].fields if is_basic(field.name)),
        *(f.name for f in COMMANDS["organize"].fields if f.kw_only and not is_basic(f.name)),
    ]
    for name, default in (("process_mode", "copy"), ("keep", ", ".join(KEEP_WORDS)),
                          ("dry_run", "no"), ("duplicate_threshold", "0.95")):  # fmt: skip
        about = re.split(r"\n  --", basic.partition(f"  --{name}")[2])[0]
        assert f"(default: {default})" in " ".join(about.split())
    assert "--link_threshold=COSINE" in advanced


def test_help_has_no_more_than_80_columns(capsys):
    assert main(["--help"]) == 0
    texts = [capsys.readouterr().out, *(help_of(name, capsys) for name in COMMANDS)]
    for name, text in zip(COMMANDS, texts[1:], strict=True):
        assert f"usage: dupimg {name}" in text
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80
    assert "Exit status: 0 done; 1 something failed" in texts[0]


def test_every_basic_option_is_one_of_a_command():
    known = {field.name for command in COMMANDS.values() for field in command.fields}
    assert known >= BASIC


def test_help_imports_neither_torch_nor_sklearn_nor_pandas():
    code = (
        "import sys; from dupimg.cli.main import main; "
        "main(['--help']); main(['organize', '--help']); "
        "print(*{'torch', 'sklearn', 'pandas', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_the_console_command_and_the_module_are_the_same():
    command = [sys.executable, "-m", "dupimg", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("dupimg ")


# For scripts.


def json_of(capsys, *words):
    status = main([str(word) for word in words])
    said = capsys.readouterr()
    values = json.loads(said.out)
    assert values["status"] == status
    return values, said.err


def test_one_json_object_says_what_a_command_did(tmp_path, capsys):
    source, output = tmp_path / "in", tmp_path / "out"
    make_files(source, {"a.txt": b"a", "b\udcff.txt": b"b"})
    planned, _ = json_of(capsys, "plan", source, output, "--json")
    assert planned["counts"]["found"] == planned["counts"]["other"] == 2
    assert planned["paths"]["plan"] == str(output / "plan.csv")
    assert "apply" in planned["notes"][-1]
    assert json_of(capsys, "status", output, "--json")[0]["state"] == "planned"
    applied, aside = json_of(capsys, "apply", output, "--json")
    assert "as it was decided" in aside
    assert applied["paths"]["report"] == str(output / "report.csv")
    assert applied["seconds"]["total"] >= 0
    undone, _ = json_of(capsys, "undo", output, "--json=yes", "--yes")
    assert undone["counts"] == {"taken_back": 2, "already_back": 0, "left": 0, "gone": 0}
    assert undone["state"] == "undone"


LABELS = "path,set,group,related_group\na.jpg,scenes,1,\nb.jpg,scenes,1,\n"


def test_json_of_the_tools(tmp_path, capsys):
    found, _ = json_of(capsys, "models", "--json")
    assert found["counts"]["models"] == len(found["models"]) == len(found["paths"])
    assert found["paths"]["efficientnet_lite0"].endswith(".pth")
    save(Image.open(sample("china.jpg")), tmp_path / "in/a.jpg")
    make_files(tmp_path / "in", {"labels.csv": LABELS})
    words = ["--output", tmp_path / "figures.csv", "--cache=none", "--edits=no"]
    measured, _ = json_of(capsys, "evaluate", tmp_path / "in", "--json", *words)
    assert measured["counts"] == {"models": 1, "left_out": 1}
    assert "No such file" in measured["left_out"]["b.jpg"]
    assert measured["paths"]["csv"] == str(tmp_path / "figures.csv")
    assert {"measure": "photos read", "model": "efficientnet_lite0", "value": 1, "count": 2} in (
        measured["measures"]
    )
    assert None in [measure["value"] for measure in measured["measures"]]  # not NaN
    assert json_of(capsys, "fit_head", tmp_path / "in", "--json")[0]["status"] == 2


def test_json_says_why_nothing_was_done(tmp_path, capsys):
    values, aside = json_of(capsys, "organize", tmp_path / "no", tmp_path / "out", "--json")
    assert (values["status"], "does not exist" in values["error"]) == (2, True)
    assert "does not exist" in aside
    for flag in ("--json", "--json=True"):
        assert json_of(capsys, "organize", flag, "--treshold=1")[0]["status"] == 2


def test_a_move_to_another_disk_is_told_before_and_asked_about(
    tmp_path, other_filesystem, capsys, monkeypatch
):
    source, output = tmp_path / "in", other_filesystem / "out"
    make_files(source, {"a.txt": b"a"})
    words = ["organize", str(source), str(output), "--process_mode=move"]
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(words) == 2
    said = capsys.readouterr()
    folders, disk = said.out.splitlines()
    assert folders.startswith("input ")
    assert "is on another disk: moving copies 0.0 MB first" in disk
    assert "Go on? [Y/n]" in said.err
    assert list(other_filesystem.iterdir()) == []
    values, aside = json_of(capsys, *words, "--yes", "--json")
    assert "is on another disk" in aside
    assert "Go on?" not in aside
    assert values["counts"]["other"] == 1
    assert values["next"].startswith("look the result over; `dupimg undo")
    assert not (source / "a.txt").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "goes_on"), [("", True), ("Y", True), ("no", False)])
def test_where_nobody_can_answer_a_question_is_not_asked(answer, goes_on, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("n"))
    assert confirmed("Go on?", yes=False)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stdin", Terminal(answer + "\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert confirmed("Go on?", yes=False) == goes_on
