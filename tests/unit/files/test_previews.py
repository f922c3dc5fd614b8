from __future__ import annotations

import io

import numpy as np
import pytest
from files import sample, save
from PIL import Image

from dupimg.cli.main import main
from dupimg.files.cache import Cache
from dupimg.files.images import read_square, read_views
from dupimg.files.previews import PreviewFolder
from dupimg.runs.plan import plan


@pytest.mark.parametrize(
    ("size", "expected"),
    [((600, 400), (512, 341)), ((90, 300), (90, 300)), ((3000, 2), (512, 1)), ((8, 8), (8, 8))],
)
def test_a_preview_has_the_aspect_ratio_of_the_photo(tmp_path, size, expected):
    photo = save(Image.radial_gradient("L").convert("RGB").resize(size), tmp_path / "a.png")
    views = read_views(photo, 224)
    assert np.array_equal(views.square, read_square(photo, 224))
    preview = Image.open(io.BytesIO(views.preview))
    assert (preview.format, preview.size) == ("JPEG", expected)
    wanted = np.asarray(Image.open(photo).resize(expected).convert("L"), float)
    assert np.abs(np.asarray(preview.convert("L"), float) - wanted).mean() < 8


def test_a_preview_that_is_there_stays(tmp_path):
    folder = PreviewFolder(tmp_path)
    folder.write("ab12", b"first")
    folder.write("ab12", b"second")
    assert folder.file("ab12").read_bytes() == b"first"
    assert [path.name for path in folder.path.rglob("*.*")] == ["ab12.jpg"]


def test_without_room_for_previews_there_is_one_warning(tmp_path):
    (tmp_path / ".dupimg").write_text("a file where the folder should be")
    folder = PreviewFolder(tmp_path)
    with pytest.warns(UserWarning, match="pages will show names instead") as warned:
        folder.write("ab12", b"one")
        folder.write("cd34", b"two")
    assert len(warned) == 1


def test_the_cache_brings_previews_back(tmp_path):
    with Cache(tmp_path / "cache.sqlite") as cache:
        cache.remember_preview("d1", b"small")
    with Cache(tmp_path / "cache.sqlite") as cache:
        assert dict(cache.previews(["d0", "d1"])) == {"d1": b"small"}


@pytest.mark.parametrize("with_cache", [True, False])
def test_a_plan_has_a_preview_of_every_photo(tmp_path, with_cache):
    photos = tmp_path / "in"
    for name in ("chelsea.png", "coffee.png"):
        save(Image.open(sample(name)).convert("RGB"), photos / name)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    cache = str(tmp_path / "cache.sqlite") if with_cache else "none"
    contents = []
    for name in ("first", "second"):
        result = plan(photos, tmp_path / name, cache=cache, quiet=True)
        folder = PreviewFolder(tmp_path / name)
        expected = {folder.file(row.digest) for row in result.rows if row.width}
        assert len(expected) == 2
        assert set(folder.path.rglob("*.jpg")) == expected
        contents.append({path.name: path.read_bytes() for path in expected})
    assert contents[0] == contents[1]


def test_the_page_shows_where_photos_are_and_goes_with_an_undo(tmp_path):
    photos, output = tmp_path / "in", tmp_path / "out"
    save(Image.open(sample("coffee.png")).convert("RGB"), photos / "coffee.png")
    words = [str(photos), str(output), "--quiet", f"--cache={tmp_path / 'cache.sqlite'}"]
    assert main(["organize", *words, "--dry_run"]) == 0
    assert '"state":"dry run"' in (output / "report.html").read_text("utf-8")
    assert main(["plan", *words]) == 0
    assert '"state":"planned"' in (output / "report.html").read_text("utf-8")
    assert main(["apply", str(output), "--quiet"]) == 0
    assert '"state":"applied"' in (output / "report.html").read_text("utf-8")
    (preview,) = PreviewFolder(output).path.rglob("*.jpg")
    with Image.open(preview) as picture:
        assert picture.size == (512, 341)
    assert main(["undo", str(output), "--quiet"]) == 0  # the plan can be carried out again
    assert '"state":"planned"' in (output / "report.html").read_text("utf-8")
    assert preview.exists()


def test_without_a_plan_the_page_goes_with_an_undo(tmp_path):
    photos, output = tmp_path / "in", tmp_path / "out"
    save(Image.open(sample("coffee.png")).convert("RGB"), photos / "coffee.png")
    assert main(["organize", str(photos), str(output), "--quiet", "--cache=none"]) == 0
    assert (output / "report.html").exists()
    assert main(["undo", str(output), "--quiet"]) == 0
    assert not (output / "report.html").exists()
    assert not PreviewFolder(output).path.exists()
