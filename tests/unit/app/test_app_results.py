"""What the app says of an output folder: as its plan and its journal have it."""

from __future__ import annotations

import pytest
from files import make_files
from planned import row_of, write_planned

from dupimg.app.results import describe


@pytest.fixture
def photos(tmp_path):
    make_files(tmp_path / "in", {"a.jpg": b"twin", "b.jpg": b"twin", "c.jpg": b"another"})
    return tmp_path / "in"


def write_plan(photos, output, **settings):
    """Plan a photo with a duplicate, and another photo of their scene."""
    duplicate = row_of(photos, "b.jpg", "remove", keeper="a.jpg", cosine_to_keeper=1.0)
    rows = [row_of(photos, "a.jpg", "keep"), duplicate, row_of(photos, "c.jpg", "keep")]
    return write_planned(photos, output, rows, settings=settings)


def test_where_only_duplicates_go_there_are_no_scenes_and_only_they_take_room(photos, tmp_path):
    write_plan(photos, tmp_path / "all")
    write_plan(photos, tmp_path / "only", only="duplicates")
    told = describe(tmp_path / "all")
    assert [scene["count"] for scene in told["scenes"]] == [2]
    assert told["space"]["needed"] == 15
    told = describe(tmp_path / "only")
    assert (told["only"], told["scenes"]) == ("duplicates", [])
    assert [group["count"] for group in told["duplicates"]] == [1]
    assert told["space"]["needed"] == 4
