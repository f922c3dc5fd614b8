import numpy as np
import pytest
from files import sample
from PIL import Image

from dupimg.cli.main import main
from dupimg.evaluation.edits import EDITS, save_edit
from dupimg.evaluation.metrics import Truth, scene_figures
from dupimg.evaluation.tables import edit_table, plot_curves, scene_curves, summarize_curves
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.groups.scenes import SceneGrouper
from dupimg.model.embedder import PhotoEmbedder

RULES = {
    "cosine": ("vector", DuplicateFinder()),
    "verified": ("vector", DuplicateFinder(rule="verified")),
    "turned": ("vector", DuplicateFinder(rule="verified", rotations=True, mirrored=True)),
}


@pytest.fixture(scope="module")
def curves():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 4)
    vectors = rng.standard_normal((12, 8))[groups] + 0.4 * rng.standard_normal((48, 8))
    truth = Truth(groups, np.empty((0, 2), np.int64))
    embeddings = {"duplicates": vectors, "scenes": vectors[:, :4]}
    return truth, embeddings, scene_curves(truth, embeddings, SceneGrouper(threshold=0.71))


def test_every_point_of_the_curves_is_what_the_grouper_gives(curves):
    truth, embeddings, table = curves
    assert len(table) == 2 * 4 * 12
    assert set(table["threshold"]) >= {0.5, 0.71, 0.9}
    for row in table.sample(10, random_state=0).itertuples():
        labels = SceneGrouper(threshold=row.threshold, linkage=row.linkage).fit_predict(
            embeddings[row.embedding]
        )
        figures = {name: value for name, value, _ in scene_figures(truth, labels)}
        assert figures["scene pair precision"] == row.precision
        assert figures["scene pair recall"] == row.recall
        assert figures["scene pair F1"] == row.F1


def test_the_summary_shows_the_threshold_and_the_best(curves):
    summary = summarize_curves(curves[2], 0.71)
    assert len(summary) == 8
    assert (summary["best F1"] >= summary["F1 at 0.71"]).all()
    table = curves[2].set_index(["embedding", "linkage", "threshold"])["F1"]
    for row in summary.itertuples(index=False):
        curve = table.loc[row[0]].loc[row[1]]
        assert (row[2], row[5], row[6]) == (curve[0.71], curve.max(), curve.idxmax())


def test_the_plot_is_a_picture(curves, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    plot_curves(curves[2], 0.71, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (700, 500))


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


def test_the_rules_find_these_edits_of_sample_photos(tmp_path):
    names = ("chelsea.png", "coffee.png", "astronaut.png", "china.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    paths = [tmp_path / "text.jpg", *map(sample, names)]
    table = edit_table(PhotoEmbedder(), paths, RULES).set_index("edit")
    assert list(table.index) == list(EDITS)
    for edit in ("recompressed to quality 10", "grey"):
        assert table.loc[edit, "verified"] == 1 > table.loc[edit, "cosine"]
    assert table.loc["mirrored", "verified"] == 0
    assert table.loc["mirrored", "turned"] == table.loc["rotated by 90°", "turned"] == 1
    # What is beyond all of them.
    assert table.loc["screenshot"].max() == 0
    assert edit_table(PhotoEmbedder(), paths[:1], RULES).empty


def test_evaluate_prints_the_tables_and_draws(tmp_path, capsys):
    with Image.open(sample("chelsea.png")) as cat:
        cat.save(tmp_path / "cat.png")
        cat.convert("L").save(tmp_path / "grey.jpg")
    lines = ["path,set,group,related_group,kind", "cat.png,copies,cat,,original"]
    lines += ["grey.jpg,copies,cat,,grey", f"{sample('coffee.png')},distractors,,,"]
    lines += [f"{sample(f'motorcycle_{side}.png')},scenes,garage,," for side in ("left", "right")]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    words = ["evaluate", str(tmp_path), f"--labels={tmp_path / 'labels.csv'}"]
    assert main([*words, f"--plot={tmp_path / 'plot.png'}"]) == 0
    printed = capsys.readouterr().out
    for title in ("Scenes by embedding and linkage", "Called duplicates, by rule", "Copies found"):
        assert f"\n{title}" in printed
    assert (tmp_path / "plot.png").exists()
    assert main([*words, "--edits=no"]) == 0
    assert "Copies found, by edit" not in capsys.readouterr().out
