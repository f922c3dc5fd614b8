from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from dupimg.files.keep_rules import Ranking
from dupimg.files.photos import File, Listing, Photo
from dupimg.messages import as_text, message
from dupimg.plans.plan import Groups, check_plan, make_plan
from dupimg.plans.rows import KEEP, OTHER, REMOVE

TIME = datetime(2025, 6, 13, 23, 7, 56, 444_999)


def photo(path: str, time: datetime = TIME, **fields) -> Photo:
    return Photo(
        path,
        **({"bytes": 10, "digest": path, "width": 4, "height": 3} | fields),
        taken_at=time,
        taken_from="exif",
    )


def plan(photos, keepers=None, scenes=None, others=()):
    n = len(photos)
    keepers = np.arange(n) if keepers is None else np.array(keepers)
    groups = Groups(
        keepers,
        np.where(keepers == np.arange(n), 1.0, 0.97),
        np.full(n, 0.5),
        np.arange(n) if scenes is None else np.array(scenes),
    )
    listing = Listing(tuple(photos), tuple(others))
    rows = make_plan(listing, groups, Ranking.of(listing.photos))
    assert check_plan(rows) == []
    assert {row.path for row in rows} == {file.path for file in (*photos, *others)}
    return rows


def test_names_show_scene_and_time_and_sort_by_them():
    later = TIME + timedelta(seconds=1)
    rows = plan(
        [photo("a/x.JPG"), photo("b.jpeg", later), photo("c.png", later + timedelta(days=1))],
        scenes=[9, 3, 9],
    )
    assert [row.destination for row in rows] == [
        "processed/image-0001-20250613230756444.JPG",
        "processed/image-0001-20250614230757444.png",
        "processed/image-0002-20250613230757444.jpeg",
    ]
    assert [row.scene for row in rows] == [1, 1, 2]
    assert [row.destination for row in rows] == sorted(row.destination for row in rows)


def test_ties_are_numbered_whatever_the_extension():
    rows = plan([photo("a.jpg"), photo("b.png"), photo("c.jpg")], scenes=[1, 1, 1])
    assert sorted(row.destination for row in rows) == [
        "processed/image-0001-20250613230756444-2.png",
        "processed/image-0001-20250613230756444-3.jpg",
        "processed/image-0001-20250613230756444.jpg",
    ]


def test_ten_and_more_ties_are_numbered_with_as_many_digits():
    rows = plan([photo(f"{i:02}.jpg") for i in range(12)], scenes=[0] * 12)
    names = {row.path: row.destination for row in rows}
    assert names["00.jpg"] == "processed/image-0001-20250613230756444.jpg"
    assert names["01.jpg"] == "processed/image-0001-20250613230756444-02.jpg"
    assert names["11.jpg"] == "processed/image-0001-20250613230756444-12.jpg"
    assert [row.path for row in rows[:-1]] == [f"{i:02}.jpg" for i in range(1, 12)]


def test_more_than_9999_scenes_widen_every_number():
    rows = plan([photo(f"{i:05}.jpg", TIME + timedelta(minutes=i)) for i in range(10_001)])
    names = [row.destination for row in rows]
    assert names[0].startswith("processed/image-00001-")
    assert names[-1].startswith("processed/image-10001-")
    assert names == sorted(names)


def test_thousands_of_photos_may_share_one_time():
    rows = plan([photo(f"{i}.jpg") for i in range(5000)], scenes=[0] * 5000)
    assert len({row.destination for row in rows}) == 5000


def test_the_name_has_the_time_of_the_clock_and_the_report_its_offset_too():
    zone = timezone(timedelta(hours=2))
    (row,) = plan([photo("a.jpg", TIME.replace(tzinfo=zone))])
    assert row.destination == "processed/image-0001-20250613230756444.jpg"
    assert row.taken_at == "2025-06-13T23:07:56.444+02:00"


def test_the_reason_names_dates_that_were_passed_over():
    doubted = message("reason.passed_over", date="d", source=as_text("s"), doubt=as_text("why"))
    (row,) = plan([replace(photo("a.jpg"), passed_over=doubted)])
    assert str(row.reason) == "no duplicate; passed over d from s: why"


def test_duplicates_follow_their_keeper_under_its_name_and_their_own():
    rows = plan(
        [
            photo("a/IMG.jpg", width=1),
            photo("best.png"),
            photo("b/IMG.jpg", width=1),
            photo("c/img.JPG", width=1, digest="best.png"),
        ],
        keepers=[1, 1, 1, 1],
    )
    stem = "image-0001-20250613230756444"
    assert [(row.path, row.action, row.destination) for row in rows] == [
        ("best.png", KEEP, f"processed/{stem}.png"),
        ("a/IMG.jpg", REMOVE, f"remove/{stem}--IMG.jpg"),
        ("b/IMG.jpg", REMOVE, f"remove/{stem}--IMG-2.jpg"),
        ("c/img.JPG", REMOVE, f"remove/{stem}--img-3.JPG"),
    ]
    assert {row.duplicate_group for row in rows} == {1}
    assert [row.keeper for row in rows] == ["", *["best.png"] * 3]
    assert [row.cosine_to_keeper for row in rows] == [None, 0.97, 0.97, 0.97]
    assert str(rows[0].reason) == "keeper of 3 duplicates"
    assert str(rows[1].reason) == "similar to the keeper; the keeper has more pixels"
    assert str(rows[3].reason) == "identical bytes; the keeper has more pixels"


def test_other_files_keep_their_paths_and_those_that_cannot_be_read_stay():
    rows = plan(
        [],
        others=[
            File("a/Note.txt", 3, "d1", message("reason.not_a_picture")),
            File("a/note.txt", 3, "d2", message("reason.not_a_picture")),
            File("link", 0, "", as_text("symbolic link")),
        ],
    )
    assert [(row.action, row.destination) for row in rows] == [
        (OTHER, "other/a/Note.txt"),
        (OTHER, "other/a/note-2.txt"),
        (OTHER, ""),
    ]
    assert [str(row.reason) for row in rows] == ["not a picture", "not a picture", "symbolic link"]


@pytest.mark.parametrize("letter", ["x", "猫", "\udce9"])
def test_long_names_are_shortened_to_what_a_filesystem_holds(letter):
    import os

    name = letter * (240 // len(os.fsencode(letter))) + ".jpg"
    rows = plan([photo("a.jpg"), photo(f"b/{name}"), photo(f"c/{name}")], keepers=[0, 0, 0])
    names = [os.fsencode(row.destination.rpartition("/")[2]) for row in rows]
    assert max(map(len, names)) <= 255
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"destination": "processed/../../x.jpg"}, "not inside processed/"),
        ({"destination": "/etc/x.jpg"}, "not inside processed/"),
        ({"destination": "processed"}, "not inside processed/"),
        ({"destination": "remove/x.jpg"}, "not inside processed/"),
        ({"destination": "processed/IMAGE-0001-20250613230756444-2.JPG"}, "is that of a.jpg too"),
        ({"path": "b.jpg"}, "has 2 rows"),
        ({"action": REMOVE, "destination": "remove/x.jpg", "duplicate_group": 7}, "one must stay"),
        ({"companion_of": "gone.jpg"}, "one action for both"),
    ],
)
def test_check_plan_finds_the_hazard(change, problem):
    rows = sorted(plan([photo("a.jpg"), photo("b.jpg")], scenes=[0, 0]), key=lambda row: row.path)
    rows[0] = replace(rows[0], **change)
    assert re.search(problem, " ".join(str(found) for found in check_plan(rows)))
