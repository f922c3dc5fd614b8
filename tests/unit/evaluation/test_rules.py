from __future__ import annotations

import numpy as np
import pytest
from files import sample
from PIL import Image

from dupimg.cli.main import main
from dupimg.evaluation.edit_scores import EditScore, edit_tables
from dupimg.evaluation.edits import EDITS, save_edit
from dupimg.evaluation.evaluate import evaluate
from dupimg.evaluation.metrics import Truth
from dupimg.groups.copies import COPY
from dupimg.groups.second_look import Laid, SecondLook
from dupimg.options.tool_options import EvaluateOptions
from dupimg.plans.plan import Groups


def test_every_edit_changes_a_photo_as_it_says(tmp_path):
    with Image.open(sample("coffee.png")) as opened:
        photo = opened.convert("RGB")
    sizes = {}
    for number, edit in enumerate(EDITS):
        save_edit(photo, edit, tmp_path / f"{number}.jpg")
        with Image.open(tmp_path / f"{number}.jpg") as edited:
            sizes[edit] = edited.size
            assert edited.format == "JPEG"
            assert np.asarray(edited.convert("RGB").resize(photo.size)).std() > 20
    width, height = photo.size
    assert sizes["resized to 1/8"] == (75, 50)
    assert sizes["rotated by 90°"] == (height, width)
    assert sizes["cropped by 30 %"] == (420, 280)
    assert sizes["bars added"] == (width, height + 2 * (height // 8))
    assert sizes["mirrored"] == sizes["grey"] == sizes["caption added"] == photo.size


# Photo 0 is unrelated to the original 1 and its edited copy 2.
@pytest.mark.parametrize(
    ("edit", "keepers", "verdict", "found", "wrong", "unrelated"),
    [
        ("grey", [0, 1, 1], COPY, 1, 0, 0),
        ("grey", [0, 2, 2], COPY, 0, 1, 0),  # colour must not go in favour of grey
        ("brighter", [0, 2, 2], COPY, 1, 0, 0),
        ("brighter", [0, 1, 2], COPY, 0, 0, 0),
        ("brighter", [0, 1, 0], COPY, 0, 0, 1),
        ("brighter", [2, 2, 2], COPY, 1, 0, 1),
        ("brighter", [0, 0, 0], COPY, 1, 0, 1),  # that the original goes is not for the edit
        ("caption added", [0, 1, 2], "edited copy", 1, 0, 0),
        ("caption added", [0, 1, 2], COPY, 0, 0, 0),
        ("caption added", [0, 1, 1], "edited copy", 0, 1, 0),
        ("caption added", [0, 2, 2], "edited copy", 0, 1, 0),
    ],
)
def test_what_counts_as_found_and_as_wrong(edit, keepers, verdict, found, wrong, unrelated):
    groups = Groups(
        keepers=np.array(keepers),
        cosine_to_keeper=np.ones(3),
        nearest_cosine=np.ones(3),
        scenes=np.zeros(3, np.int64),
        second_look=SecondLook(
            compared_with=np.array([-1, 0, 1]),
            thumb_correlation=np.ones(3),
            verdicts=np.array(["", "same scene", verdict]),
            laid=Laid.of([None] * 3),
            shared_details=np.full(3, np.nan),
        ),
    )
    truth = Truth(np.array([0, 1, 1]), np.empty((0, 2), np.int64))
    score = EditScore(edit, 1, {"verified": groups}, truth)
    assert score.found("verified") == found
    assert (score.n_wrong("verified"), score.n_unrelated("verified")) == (wrong, unrelated)
    _, _, (_, verdicts) = edit_tables([score])
    assert verdicts["verdicts"].tolist() == [f"{verdict} 1"]
    assert verdicts["named so"].item() == (verdict in EDITS[edit].verdicts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cat that is edited, cups of a place in two scenes, and a motorcycle from two sides."""
    folder = tmp_path_factory.mktemp("edits")
    lines = ["path,set,group,related_group,kind"]
    with Image.open(sample("chelsea.png")) as cat:
        cat.save(folder / "cat.png")
        cat.convert("L").save(folder / "grey.jpg")
    lines += ["cat.png,copies,cat,,original", "grey.jpg,copies,cat,,grey"]
    with Image.open(sample("coffee.png")) as cup:
        cup.crop((0, 0, 500, 400)).save(folder / "cup.png")
        cup.crop((100, 0, 600, 400)).save(folder / "other cup.png")
    lines += ["cup.png,scenes,cup,place:bar,", "other cup.png,scenes,other,place:bar,"]
    for side in ("left", "right"):
        with Image.open(sample(f"motorcycle_{side}.png")) as view:
            view.save(folder / f"{side}.png")
        lines.append(f"{side}.png,scenes,garage,,")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def test_tables_are_those_of_the_decision_of_each_rule(folder):
    evaluation = evaluate(EvaluateOptions(folder, quiet=True))
    tables = {title.rpartition(", ")[0]: table for title, table in evaluation.tables}
    edits = tables["Edited copies found as such, by edit and rule"].set_index("edit")
    assert list(edits.index) == list(EDITS)
    assert list(edits) == ["careful", "verified", "cosine", "verified, turned, mirrored"]
    assert edits.loc["recompressed to quality 10", "verified"] == 1
    assert edits.loc["mirrored", "verified, turned, mirrored"] == 1
    assert edits.loc["caption added", "verified"] == 1
    wrong = tables["Originals and edited copies removed wrongly, by rule"].set_index("rule")
    assert (wrong.loc[["careful", "verified"]] == 0).all(axis=None)
    removed = tables["Photos removed for another picture, by rule"].set_index("rule")
    assert (removed["folder"] == folder.name).all()
    assert (removed["photos"] == 4).all()
    assert (removed.loc["careful", ["views", "related", "unrelated"]] == 0).all()
    scenes = tables["Scenes by linkage"].set_index("way")
    assert list(scenes.index) == ["average", "complete", "single", "chained", "hdbscan"]
    assert (scenes["best F1"] >= scenes["F1 at 0.7"].fillna(0)).all()


def test_related_groups_are_neither_right_nor_wrong(folder):
    figures = {m.measure: m for m in evaluate(EvaluateOptions(folder, edits=False)).measures}
    # Both cups share a scene, which counts nowhere.
    assert figures["scene pair precision"].count == figures["scene pair recall"].count == 1
    assert figures["scene pair F1"].value == 1


def test_folders_are_one_collection(folder, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    with Image.open(sample("motorcycle_left.png")) as view:
        view.crop((40, 40, 700, 480)).save(second / "closer.png")
    with Image.open(sample("china.jpg")) as view:
        view.save(second / "china.jpg")
    rows = ["path,set,group,related_group", "closer.png,scenes,garage,", "china.jpg,distractors,,"]
    (second / "labels.csv").write_text("\n".join(rows))
    options = EvaluateOptions([folder, second], edits=False, quiet=True)
    figures = {m.measure: (m.value, m.count) for m in evaluate(options).measures}
    assert figures["photos read"] == (8, 8)
    # The view in the second folder is of the scene of the first.
    assert figures["scene pair recall"] == (1, 3)
    assert figures[f"scene pair recall, {folder.name}"] == (1, 1)
    assert figures["scene pair recall, second"][1] == 0


def test_other_photos_are_unrelated_to_the_labelled_ones(folder, tmp_path, capsys):
    for name in ("left", "copy of left"):
        with Image.open(sample("motorcycle_left.png")) as view:
            view.crop((40, 40, 700, 480)).save(tmp_path / f"{name}.png")
    words = ["evaluate", str(folder), f"--among={tmp_path}", "--edits=no", "--quiet"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    precision = next(line for line in lines if line.startswith("scene pair precision"))
    # Each of the two others with both views is wrong; the two others with each other are neither.
    assert precision.endswith("0.200 of 5")


def test_evaluate_prints_the_tables_and_draws(folder, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    words = ["evaluate", str(folder), f"--cache={tmp_path / 'cache.sqlite'}", "--quiet"]
    assert main([*words, "--edits=no", f"--plot={tmp_path / 'plot.png'}"]) == 0
    printed = capsys.readouterr().out
    for title in ("Scenes by linkage", "Photos removed for another picture", "Copies found"):
        assert f"\n{title}" in printed
    assert "Edited copies" not in printed
    assert (tmp_path / "cache.sqlite").exists()
    with Image.open(tmp_path / "plot.png") as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (700, 500))
