from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from itertools import permutations

import pytest

from dupimg.files.keep_rules import KEEP_RULES, keeper_order, why_kept
from dupimg.files.photos import Photo

PHOTO = Photo("m.jpg", 1000, "d", 40, 30, datetime(2025, 1, 1), "exif")
LARGE = replace(PHOTO, path="z.jpg", width=400)
HEAVY = replace(PHOTO, path="y.jpg", bytes=2000)
OLD = replace(PHOTO, path="x.jpg", taken_at=datetime(2020, 1, 1))
FIRST = replace(PHOTO, path="a.jpg")


@pytest.mark.parametrize(
    ("rule", "best_first"),
    [
        (("pixels", "bytes", "oldest", "path"), [LARGE, HEAVY, OLD, FIRST, PHOTO]),
        (("bytes", "pixels", "oldest", "path"), [HEAVY, LARGE, OLD, FIRST, PHOTO]),
        (("oldest",), [OLD, FIRST, PHOTO, HEAVY, LARGE]),
        (("path",), [FIRST, PHOTO, OLD, HEAVY, LARGE]),
    ],
)
def test_the_first_difference_decides_whatever_the_order_of_the_photos(rule, best_first):
    for photos in permutations(best_first):
        assert [photos[i] for i in keeper_order(photos, rule)] == best_first


def test_a_capture_time_beats_the_time_of_a_file():
    lost = replace(PHOTO, path="a.jpg", taken_at=datetime(1970, 1, 1), taken_from="file")
    dated = replace(PHOTO, taken_at=datetime(2019, 7, 1, tzinfo=timezone.utc), taken_from="name")
    assert [keeper_order(photos, ["oldest"]) for photos in ([lost, dated], [dated, lost])] == [
        [1, 0],
        [0, 1],
    ]


def test_why_kept_names_the_first_difference():
    assert str(why_kept(LARGE, HEAVY)) == "the keeper has more pixels"
    assert str(why_kept(HEAVY, LARGE, ("oldest", "bytes"))) == "the keeper has more bytes"
    assert str(why_kept(HEAVY, PHOTO)) == "the keeper has more bytes"
    assert str(why_kept(OLD, PHOTO)) == "the keeper has an earlier time"
    assert why_kept(FIRST, PHOTO) == KEEP_RULES["path"][1]
