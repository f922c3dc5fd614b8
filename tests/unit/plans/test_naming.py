from __future__ import annotations

import pytest

from dupimg.plans.layout import Layout
from dupimg.plans.naming import name_rows
from dupimg.plans.plan import check_plan
from dupimg.plans.plan_file import Edit
from dupimg.plans.rows import Row
from dupimg.plans.scene_names import name_scenes

TREE = Layout("tree", added_from=("/card/DCIM",))


def photo(path: str, action: str = "keep", time: str = "2024-05-01T10:00:00", **fields) -> Row:
    known = {"scene": 1, "digest": path, "taken_at": time, "taken_from": "exif"}
    return Row(path, action, **known | fields)


def places(rows, layout, **how):
    named = name_rows(rows, layout=layout, **how)
    assert check_plan(named) == []
    return {row.path: row.destination for row in named}


def test_a_tree_has_own_names_also_beside_others_of_the_same_stem():
    rows = [
        photo("a/IMG_1.jpg"),
        photo("a/IMG_1.png"),
        photo("A/img_1.JPG"),
        photo("a/img_1-2.jpg"),
        photo("/card/DCIM/100/x.jpg"),
        photo("b/y.jpg", "remove", keeper="a/IMG_1.jpg"),
        Row("a/IMG_1.xmp", "keep", scene=1, digest="s", companion_of="a/IMG_1.jpg"),
        Row("b/y.xmp", "keep", scene=1, digest="t", companion_of="b/y.jpg", keeper="a/IMG_1.jpg"),
        Row("RAW/IMG_1.dng", "keep", scene=1, digest="r", companion_of="a/IMG_1.jpg"),
        Row("A/img_1.aae", "keep", scene=1, digest="u", companion_of="A/img_1.JPG"),
    ]
    found = places(rows, TREE)
    assert found == {
        "A/img_1.JPG": "processed/A/img_1.JPG",
        "A/img_1.aae": "processed/A/img_1.aae",
        "a/IMG_1.jpg": "processed/a/IMG_1-3.jpg",  # letters alike in case, and -2 is there
        "a/img_1-2.jpg": "processed/a/img_1-2.jpg",
        "a/IMG_1.png": "processed/a/IMG_1.png",
        "/card/DCIM/100/x.jpg": "processed/DCIM/100/x.jpg",
        "b/y.jpg": "remove/b/y.jpg",
        "a/IMG_1.xmp": "processed/a/IMG_1-3.xmp",
        "b/y.xmp": "processed/a/IMG_1-3-2.xmp",
        "RAW/IMG_1.dng": "processed/a/IMG_1-3.dng",
    }


def test_equal_names_of_a_template_are_numbered_and_companions_follow():
    rows = [
        photo("a/x.jpg"),
        photo("b/y.png"),
        photo("b/z.jpg", "remove", keeper="b/y.png"),
        Row("b/y.xmp", "keep", scene=1, digest="s", companion_of="b/y.png"),
    ]
    assert places(rows, Layout("{taken:%Y}/{scene:04}{ext}")) == {
        "a/x.jpg": "processed/2024/0001.jpg",
        "b/y.png": "processed/2024/0001-2.png",
        "b/y.xmp": "processed/2024/0001-2.xmp",
        "b/z.jpg": "remove/2024/0001-2--z.jpg",
    }


def test_no_file_has_the_name_of_a_folder():
    found = places([photo("Rome"), photo("Rome/b.jpg")], Layout("{folder}/{name}"))
    assert found == {"Rome": "processed/Rome-2", "Rome/b.jpg": "processed/Rome/b.jpg"}
    there = photo("Rome").having(destination="processed/Rome")
    found = places([there, photo("Rome/b.jpg")], Layout("{folder}/{name}"), fixed={"Rome"})
    assert found == {"Rome": "processed/Rome", "Rome/b.jpg": "processed/Rome-2/b.jpg"}


@pytest.mark.parametrize("name", ["../../etc", "/etc", "..", ".", "a\0b", "x" * 300, "C:\\x"])
def test_no_value_leads_out_of_the_folder_or_is_too_long(name):
    row = photo(f"{name.replace('/', '_')}/p.jpg", camera=name, scene_name=name)
    for portable in (False, True):
        template = Layout("{camera}/{scene_name}/{folder}/.{scene_name}/{stem}{ext}")
        place = places([row], template, portable=portable)[row.path]
        assert not {"", ".", ".."} & set(place.split("/"))
        assert place.count("/") == 5


def edit(number: int, path: str, name: str) -> Edit:
    return Edit(number, path, "keep", "", "", "", name)


def test_one_name_is_that_of_all_files_of_a_scene():
    rows = [photo("a.jpg"), photo("b.jpg"), photo("c.jpg", scene=2)]
    decided = {row.path: row for row in rows}
    named, problems = name_scenes(rows, decided, [edit(3, "b.jpg", "Rome"), edit(4, "c.jpg", "")])
    assert [row.scene_name for row in named] == ["Rome", "Rome", ""]
    assert problems == []
    _, (problem,) = name_scenes(rows, decided, [edit(2, "a.jpg", "Rom"), edit(3, "b.jpg", "Rome")])
    assert "scene 1, expected one: 'Rom' (2); 'Rome' (3)" in str(problem)


def test_a_photo_that_moves_does_not_bring_the_name_of_its_old_scene_along():
    rows = [photo("a.jpg"), photo("b.jpg"), photo("c.jpg", scene=2)]
    decided = {row.path: row for row in rows}
    edits = [edit(2, "a.jpg", "Rome"), edit(3, "b.jpg", "Rome"), edit(4, "c.jpg", "Paris")]
    moved = [rows[0], rows[1].having(scene=2), rows[2]]
    named, problems = name_scenes(moved, decided, edits)
    assert [row.scene_name for row in named] == ["Rome", "Paris", "Paris"]
    assert problems == []
    alone = [rows[0], rows[1].having(scene=3), rows[2]]
    assert name_scenes(alone, decided, edits)[0][1].scene_name == "Rome"
