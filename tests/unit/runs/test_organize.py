from __future__ import annotations

import csv
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from files import make_files, read_files, sample, save, snapshot
from PIL import Image, ImageEnhance, ImageOps

from dupimg.cli.main import main
from dupimg.errors import UsageError
from dupimg.files.cache import Cache
from dupimg.model.embedder import PhotoEmbedder
from dupimg.model.stream import PhotoStream
from dupimg.options.run_options import OrganizeOptions
from dupimg.plans.report import COLUMNS, read_report
from dupimg.runs.organize import organize


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return a folder like a user's: copies, two views, an unreadable photo, other files."""
    folder = tmp_path_factory.mktemp("photos") / "in"
    cat = Image.open(sample("chelsea.png")).convert("RGB")
    save(cat, folder / "cat.png", taken="2024:05:01 10:00:00")
    save(cat, folder / "a" / "cat copy.jpg", quality=80, taken="2024:05:01 10:00:01")
    save(cat.resize((300, 200)), folder / "small cat.webp", mtime=2e9)
    dark = ImageEnhance.Brightness(cat).enhance(0.9)
    save(dark, folder / "dark, cat.JPG", format="JPEG", taken="2024:05:01 09:59:59")
    (folder / "same.png").write_bytes((folder / "cat.png").read_bytes())
    for side in ("left", "right"):
        view = Image.open(sample(f"motorcycle_{side}.png")).convert("RGB")
        save(view, folder / f"{side}.jpg", taken="2023:01:01 00:00:00", quality=95)
    for name, mtime in (("coffee.png", 1.50e9), ("rocket.jpg", 1.51e9)):
        make_files(folder, {name: sample(name).read_bytes()}, mtime)
    whole = (folder / "left.jpg").read_bytes()
    make_files(folder, {"b/half.jpg": whole[: len(whole) // 2], "notes 猫.txt": "hello"})
    (folder / "link.jpg").symlink_to(folder / "left.jpg")
    return folder


def run(photos, output, **options):
    # By the number alone: which photos are copies is tested elsewhere.
    usual = {"cache": "none", "duplicate_rule": "cosine"}
    return organize(photos, output, quiet=True, **usual | options)


@pytest.fixture(scope="module")
def result(photos, tmp_path_factory):
    before = snapshot(photos)
    result = run(photos, tmp_path_factory.mktemp("organized") / "out")
    assert snapshot(photos) == before  # the input is untouched to the byte and the nanosecond
    return result


def rows_by_path(result):
    return {row.path: row for row in result.rows}


def test_found_is_kept_removed_and_other(result, photos):
    assert list(result.counts.by_action.values()) == [5, 4, 3, 0]
    assert {row.path for row in result.rows} == set(read_files(photos)) | {"link.jpg"}
    assert len(result.rows) == 12


def test_the_best_cat_stays_and_the_others_are_its_duplicates(result):
    rows = rows_by_path(result)
    assert rows["cat.png"].action == "keep"
    cats = ["a/cat copy.jpg", "dark, cat.JPG", "same.png", "small cat.webp"]
    assert {rows[name].action for name in cats} == {"remove"}
    assert {rows[name].keeper for name in cats} == {"cat.png"}
    assert rows["same.png"].cosine_to_keeper == 1.0
    assert str(rows["same.png"].reason).startswith("identical bytes")
    assert all(0.95 <= rows[name].cosine_to_keeper <= 1 for name in cats)


def test_two_views_share_a_scene_and_stand_side_by_side(result):
    rows = rows_by_path(result)
    assert rows["left.jpg"].scene == rows["right.jpg"].scene == 3
    assert rows["left.jpg"].nearest_cosine == pytest.approx(rows["right.jpg"].nearest_cosine)
    assert len({row.scene for row in result.rows if row.action == "keep"}) == 4


def test_scene_cosines_are_those_of_the_photos_that_stay_by_the_embedding_for_scenes(result):
    cosines = {
        row.path: row.nearest_scene_cosine for row in result.rows if row.nearest_scene_cosine
    }
    kept = {row.path for row in result.rows if row.action == "keep"}
    assert cosines.keys() == kept
    vectors = PhotoEmbedder(embedding="scenes").transform(
        [result.report.parent / rows_by_path(result)[path].destination for path in cosines]
    )
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    np.testing.assert_allclose([*cosines.values()], similarity.max(axis=1), atol=1e-5)
    assert cosines["left.jpg"] > 0.7 > cosines["cat.png"]


def test_the_output_holds_every_file_whole_and_with_its_time(result, photos):
    output = result.report.parent
    for row in result.rows:
        if row.path == "link.jpg":
            assert row.destination == ""
            continue
        source, copy = photos / row.path, output / row.destination
        assert copy.read_bytes() == source.read_bytes()
        assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert set(read_files(output)) == {"report.csv"} | {
        row.destination for row in result.rows if row.destination
    }
    assert (output / "other/notes 猫.txt").read_text() == "hello"
    assert "truncated" in str(rows_by_path(result)["b/half.jpg"].reason)


def test_rows_stand_in_order_of_the_names_in_processed(result):
    names = [row.destination for row in result.rows if row.action == "keep"]
    processed = result.report.parent / "processed"
    assert names == sorted(f"processed/{path.name}" for path in processed.iterdir())
    actions = [row.action for row in result.rows]
    assert actions[-3:] == ["other"] * 3


def test_the_report_on_disk_is_the_result(result):
    assert [row.path for row in read_report(result.report)] == [row.path for row in result.rows]
    with result.report.open(encoding="utf-8-sig", newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS


def test_the_summary_adds_up(result):
    text = result.summary()
    assert "12 files = kept + removed + other" in text
    assert str(result.report) in text
    assert "4 duplicates" in text


@pytest.mark.parametrize("options", [{"jobs": 1, "batch_size": 1}, {"jobs": 3, "batch_size": 5}])
def test_the_report_is_the_same_to_the_byte_whatever_threads_and_batches(
    result, photos, tmp_path, options
):
    again = run(photos, tmp_path / "out", dry_run=True, **options)
    assert again.report.read_bytes() == result.report.read_bytes()


def test_the_groups_do_not_depend_on_the_names_of_the_files(result, photos, tmp_path):
    renamed = tmp_path / "in"
    names = {
        path: f"{i:02}{Path(path).suffix}"
        for i, path in enumerate(sorted(read_files(photos), reverse=True))
    }
    for old, new in names.items():
        renamed.mkdir(exist_ok=True)
        (renamed / new).write_bytes((photos / old).read_bytes())
        os.utime(renamed / new, ns=((photos / old).stat().st_mtime_ns,) * 2)
    again = rows_by_path(run(renamed, tmp_path / "out", dry_run=True))
    first = rows_by_path(result)
    assert {again[new].scene for new in names.values()} == {first[old].scene for old in names}
    for old, new in names.items():
        assert again[new].scene == first[old].scene


def test_move_empties_the_input_and_loses_nothing(photos, tmp_path):
    source = tmp_path / "in"
    for name, content in read_files(photos).items():
        make_files(source, {name: content}, mtime=1.2e9)
    before = sorted(read_files(source).values())
    result = run(source, tmp_path / "out", process_mode="move")
    assert read_files(source) == {}
    moved = read_files(tmp_path / "out")
    moved.pop("report.csv")
    assert sorted(moved.values()) == before
    assert result.counts.failed == 0


def test_a_dry_run_writes_the_report_and_nothing_else_and_may_be_followed_by_a_run(
    photos, tmp_path
):
    dry = run(photos, tmp_path / "out", dry_run=True)
    assert list(read_files(tmp_path / "out")) == ["report.csv"]
    assert all(row.destination for row in dry.rows if row.path != "link.jpg")
    again = run(photos, tmp_path / "out")
    assert again.rows == dry.rows
    assert "dry run" in dry.summary()


def test_an_edited_report_of_a_dry_run_is_kept(photos, tmp_path):
    make_files(tmp_path, {"out/report.csv": "my notes"})
    run(photos, tmp_path / "out", dry_run=True)
    assert read_files(tmp_path / "out")["report-1.csv"] == b"my notes"


def test_thresholds_and_methods_are_obeyed(photos, tmp_path):
    strict = run(photos, tmp_path / "a", dry_run=True, duplicate_threshold=1.0)
    assert strict.counts.removed == 1
    loose = run(photos, tmp_path / "b", dry_run=True, scene_threshold=0.01, linkage="single")
    assert len({row.scene for row in loose.rows if row.action == "keep"}) == 1
    for options in ({"linkage": "complete"}, {"scene_method": "hdbscan"}):
        rows = rows_by_path(run(photos, tmp_path / "c", dry_run=True, **options))
        assert rows["left.jpg"].scene == rows["right.jpg"].scene


def test_the_keep_rule_is_obeyed(photos, tmp_path):
    rows = rows_by_path(run(photos, tmp_path / "a", dry_run=True, keep="oldest,pixels"))
    assert rows["dark, cat.JPG"].action == "keep"
    assert str(rows["cat.png"].reason).endswith("the keeper has an earlier time")


def test_only_other_files_are_fine_too(tmp_path):
    make_files(tmp_path, {"in/a.txt": "text", "in/b/c.bin": b"\0"})
    result = run(tmp_path / "in", tmp_path / "out")
    assert result.counts.other == 2
    assert set(read_files(tmp_path / "out")) == {"other/a.txt", "other/b/c.bin", "report.csv"}


def test_one_photo_is_a_scene(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "rocket.jpg").write_bytes(sample("rocket.jpg").read_bytes())
    (row,) = run(tmp_path / "in", tmp_path / "out").rows
    assert (row.action, row.scene, row.nearest_cosine) == ("keep", 1, None)


def test_refusals_touch_nothing(photos, tmp_path, capsys):
    make_files(tmp_path, {"old/processed/x.jpg": b""})
    before = read_files(tmp_path)
    for words, message in (
        ([tmp_path / "none", tmp_path / "o"], "does not exist"),
        ([photos, photos / "out"], "is inside"),
        ([photos, tmp_path / "old"], "already holds results"),
        ([photos, tmp_path / "o", "--model=resnet"], "expected one of"),
        ([photos, tmp_path / "o", "--model=efficientnet_lite"], "Did you mean"),
    ):
        assert main(["organize", *map(str, words)]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert read_files(tmp_path) == before


def test_files_that_cannot_be_copied_are_named_and_the_exit_status_says_so(
    photos, tmp_path, monkeypatch, capsys
):
    def failing(source, destination):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "link", failing)
    assert main(["organize", str(photos), str(tmp_path / "out")]) == 1
    assert "FAILED" in capsys.readouterr().out
    rows = read_report(tmp_path / "out" / "report.csv")
    assert all(row.destination == "" for row in rows)
    assert set(read_files(tmp_path / "out")) == {"report.csv"}


def test_a_traceback_only_with_debug(photos, tmp_path, capsys):
    words = ["organize", str(tmp_path / "none"), str(tmp_path / "o")]
    main(words)
    assert "Traceback" not in capsys.readouterr().err
    main([*words, "--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_scripts_are_the_same_as_commands(photos, tmp_path):
    script = Path(__file__).parents[3] / "scripts" / "organize.py"
    command = [sys.executable, script, photos, tmp_path / "out", "--dry_run", "--jobs=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "12 files = kept + removed + other" in done.stdout
    assert done.stderr == ""


def test_orientation_is_applied_before_embedding(tmp_path):
    cat = Image.open(sample("chelsea.png")).convert("RGB")
    stored = {1: cat, 3: cat.rotate(180), 2: ImageOps.mirror(cat), 6: cat.rotate(90, expand=True)}
    for orientation, picture in stored.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(picture, tmp_path / "in" / f"{orientation}.jpg", quality=95, exif=exif)
    rows = run(tmp_path / "in", tmp_path / "out", dry_run=True).rows
    assert [row.action for row in rows].count("keep") == 1
    assert {(row.width, row.height) for row in rows} == {cat.size}


def test_every_nasty_file_ends_in_the_report(shared_photos, tmp_path):
    command = [sys.executable, "-m", "dupimg", "organize", shared_photos / "nasty",
               tmp_path / "out", "--quiet", "--duplicate_rule=cosine"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    rows = read_report(tmp_path / "out" / "report.csv")
    assert {row.path for row in rows} == set(read_files(shared_photos / "nasty"))
    assert all(row.reason for row in rows)
    for group in ("Landscape", "Portrait"):
        members = [row for row in rows if f"recurser+exif-orientation-examples/{group}" in row.path]
        assert len(members) >= 7
        assert len({row.duplicate_group for row in members}) == 1
        assert [row.action for row in members].count("keep") == 1


def test_unknown_options_are_refused_from_python_too(tmp_path):
    with pytest.raises(UsageError, match="expected one of copy, move"):
        OrganizeOptions(tmp_path, tmp_path, process_mode="link")
    assert np.isclose(OrganizeOptions("a", "b", scene_threshold="0.5").scene_threshold, 0.5)


RUN_AGAIN = """
import sys
from dupimg.runs.organize import organize
source, output, cache = sys.argv[1:]
organize(source, output, cache=cache, dry_run=True, quiet=True, duplicate_rule="cosine")
print(*sorted({"torch", "torchvision", "timm", "pillow_heif"} & set(sys.modules)))
"""


def test_a_second_run_comes_out_of_the_cache_without_torch(photos, tmp_path):
    first = run(photos, tmp_path / "a", cache=str(tmp_path / "cache.sqlite"), dry_run=True)
    command = [sys.executable, "-c", RUN_AGAIN, photos, tmp_path / "b", tmp_path / "cache.sqlite"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
    assert (tmp_path / "b/report.csv").read_bytes() == first.report.read_bytes()


def test_the_cache_knows_renamed_photos_and_only_new_ones_are_embedded(
    photos, tmp_path, monkeypatch
):
    source, cache = tmp_path / "in", str(tmp_path / "cache.sqlite")
    for name, content in read_files(photos).items():
        make_files(source, {name: content}, mtime=1.2e9)
    run(source, tmp_path / "a", cache=cache, dry_run=True)
    (source / "cat.png").rename(source / "renamed.png")
    save(Image.open(sample("astronaut.png")), source / "new.png")
    embedded = []
    stream = PhotoStream.run
    monkeypatch.setattr(
        PhotoStream, "run", lambda self, paths: stream(self, embedded.extend(paths) or paths)
    )
    rows = rows_by_path(run(source, tmp_path / "b", cache=cache, dry_run=True))
    assert embedded == [str(source / "new.png")]
    assert rows["same.png"].action != rows["renamed.png"].action


def test_what_a_person_called_no_duplicates_both_stay_in_later_runs(photos, tmp_path):
    path = tmp_path / "cache.sqlite"
    first = rows_by_path(run(photos, tmp_path / "first", cache=str(path)))
    cat, dark = first["cat.png"], first["dark, cat.JPG"]
    assert dark.keeper == "cat.png"
    with Cache(path) as cache:
        cache.remember_distinct(dark.digest, cat.digest)
    second = rows_by_path(run(photos, tmp_path / "second", cache=str(path)))
    assert [second[name].action for name in ("cat.png", "dark, cat.JPG")] == ["keep", "keep"]
    assert second["a/cat copy.jpg"].keeper == "cat.png"
    assert second["same.png"].keeper == "cat.png"


def test_a_run_killed_after_its_searches_does_not_search_again(photos, tmp_path, monkeypatch):
    from dupimg.decide import decide
    from dupimg.files import checkpoints
    from dupimg.search import blocks

    monkeypatch.setattr(blocks, "FEWEST_PAIRS_LOGGED", 0)
    searched = []
    append = checkpoints.SearchLog.append

    def recorded(log, number, found):
        searched.append(number)
        append(log, number, found)

    monkeypatch.setattr(checkpoints.SearchLog, "append", recorded)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt = (_ for _ in ()).throw
        patch.setattr(decide, "make_plan", lambda *_, **__: interrupt(KeyboardInterrupt))
        run(photos, tmp_path / "out")
    assert len(searched) >= 2  # of duplicates and of scenes
    logs = tmp_path / "out" / ".dupimg" / "search"
    assert any(logs.iterdir())
    searched.clear()
    result = run(photos, tmp_path / "out")
    assert not searched
    assert not logs.exists()
    assert result.counts.failed == 0
