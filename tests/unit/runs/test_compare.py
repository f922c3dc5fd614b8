from __future__ import annotations

import json
from pathlib import Path

import pytest
from files import make_files, sample, save, snapshot
from PIL import Image, ImageDraw

import dupimg
from dupimg.cli.main import main


def picture(name: str) -> Image.Image:
    return Image.open(sample(name)).convert("RGB")


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """A training set and a test set that has one of its photos twice, and one of another moment."""
    monkeypatch.chdir(tmp_path)
    cat = picture("chelsea.png")
    save(cat, Path("train/a/cat.jpg"), quality=95)
    save(cat, Path("train/cat-edited.jpg"), quality=80)  # else a companion, here on its own
    save(picture("coffee.png"), Path("train/cup.jpg"))
    (Path("test")).mkdir()
    Path("test/same.jpg").write_bytes(Path("train/a/cat.jpg").read_bytes())
    save(cat.resize((300, 200)), Path("test/small.jpg"))
    ImageDraw.Draw(cat).rectangle((100, 100, 140, 125), fill="black")
    save(cat, Path("test/censored.jpg"), quality=95)
    save(picture("rocket.jpg"), Path("test/rocket.jpg"))
    make_files(Path("test"), {"notes.txt": "hello"})
    return tmp_path


def found(result):
    return {(pair.path_b, pair.path_a): pair.verdict for pair in result.pairs}


def test_photos_of_one_set_are_found_in_another(sets):
    before = snapshot(Path("train")), snapshot(Path("test"))
    result = dupimg.compare("train", "test", quiet=True, cache="none")
    assert (snapshot(Path("train")), snapshot(Path("test"))) == before
    assert found(result) == {
        ("same.jpg", "a/cat.jpg"): "identical bytes",
        ("same.jpg", "cat-edited.jpg"): "copy",
        ("small.jpg", "a/cat.jpg"): "copy",
        ("small.jpg", "cat-edited.jpg"): "copy",
    }
    assert (result.n_a, result.n_b, result.found, result.n_unread) == (3, 4, 2, 1)
    assert list(result.table) == ["path_a", "path_b", "cosine", "verdict", "correlation"]
    lines = Path("pairs.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "path_a,path_b,cosine,verdict,correlation"
    assert lines[1] == "a/cat.jpg,same.jpg,1.000000,identical bytes,1.000000"
    assert "found    2 photos of B that are in A, too" in result.summary()
    assert {path.name for path in Path().iterdir()} == {"train", "test", "pairs.csv"}


def test_the_rules_for_duplicates_hold(sets):
    how = {"quiet": True, "cache": str(sets / "cache.sqlite")}
    edited = dupimg.compare("train", "test", output="1.csv", edited_copies="remove", **how)
    assert found(edited)["censored.jpg", "a/cat.jpg"] == "edited copy"
    number = dupimg.compare("train", "test", output="2.csv", duplicate_rule="cosine", **how)
    assert found(number).keys() >= found(edited).keys() - {("censored.jpg", "cat-edited.jpg")}
    proven = dupimg.compare("train", "test", output="3.csv", duplicate_rule="verified", **how)
    assert ("small.jpg", "a/cat.jpg") in found(proven)
    swapped = dupimg.compare("test", "train", output="4.csv", edited_copies="remove", **how)
    assert {(b, a) for a, b in found(swapped)} == found(edited).keys()
    nothing = dupimg.compare("train", "test", output="5.csv", duplicate_threshold=1, **how)
    assert list(found(nothing)) == [("same.jpg", "a/cat.jpg")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "nowhere"], "Got b=nowhere, which does not exist"),
        (["train", "train/a"], "inside train"),
        (["train", "train"], "which are one folder"),
        (["train", "test", "--output=test/pairs.csv"], "is inside test"),
        (["train", "test", "--output=old.csv"], "which exists, expected a new file"),
        (["train"], "Got no b"),
    ],
)
def test_what_could_touch_something_is_refused(sets, capsys, words, message):
    Path("old.csv").write_text("old")
    assert main(["compare", *words]) == 2
    assert message in capsys.readouterr().err
    assert Path("old.csv").read_text() == "old"


def test_scripts_get_the_pairs_as_json(sets, capsys):
    assert main(["compare", "test", "train", "--json", "--cache=none"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["found"] == 2
    assert {pair["path_b"] for pair in told["pairs"]} == {"a/cat.jpg", "cat-edited.jpg"}
