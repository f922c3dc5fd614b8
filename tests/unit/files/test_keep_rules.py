from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import permutations

import pytest

from dupimg.files.keep_rules import KeepRule, Ranking, best_dates, dated_like
from dupimg.files.photos import Photo
from dupimg.files.traits import Traits
from dupimg.options.converters import ALL_KEEP_WORDS

PHOTO = Photo("m.jpg", 1000, "d", 40, 30, datetime(2025, 1, 1), "exif")
LARGE = replace(PHOTO, path="z.jpg", width=400)
HEAVY = replace(PHOTO, path="y.jpg", bytes=2000)
OLD = replace(PHOTO, path="x.jpg", taken_at=datetime(2020, 1, 1))
FIRST = replace(PHOTO, path="a.jpg")
PAGES = replace(PHOTO, path="w.jpg", traits=Traits(frames=2))
TAGGED = replace(PHOTO, path="v.jpg", traits=Traits(metadata=("camera", "place")))
EXACT = replace(PHOTO, path="t.png", traits=Traits(lossless=True))
COPIED = replace(PHOTO, path="m (1).jpg")
BY_FILE = replace(PHOTO, path="u.jpg", taken_at=datetime(1999, 1, 1), taken_from="file")


def ordered(photos, rule, **facts):
    return [photos[i] for i in Ranking.of(photos, rule, **facts).order]


@pytest.mark.parametrize(
    ("words", "best_first"),
    [
        (("pixels", "bytes", "oldest", "path"), [LARGE, HEAVY, OLD, FIRST, PHOTO]),
        (("bytes", "pixels", "oldest", "path"), [HEAVY, LARGE, OLD, FIRST, PHOTO]),
        (("oldest",), [OLD, LARGE, HEAVY, FIRST, PHOTO]),
        (("path",), [FIRST, PHOTO, OLD, HEAVY, LARGE]),
        (("newest",), [LARGE, HEAVY, FIRST, PHOTO, OLD]),
        (ALL_KEEP_WORDS[:-1], [PAGES, LARGE, TAGGED, EXACT, HEAVY, PHOTO, COPIED]),
        (("metadata", "path"), [TAGGED, FIRST, PHOTO, PAGES, BY_FILE]),
        (("oldest", "pixels"), [OLD, FIRST, BY_FILE]),
    ],
)
def test_the_first_difference_decides_whatever_the_order_of_the_photos(words, best_first):
    for photos in list(permutations(best_first))[:200]:
        assert ordered(photos, KeepRule(words)) == best_first


def test_paths_that_a_person_prefers_or_avoids_come_before_all_words():
    photos = [replace(LARGE, path="web/a.jpg"), replace(PHOTO, path="b/a.jpg"), OLD]
    rule = KeepRule(prefer=("x.jpg", "b/"), avoid=("WEB/**",))
    ranking = Ranking.of(photos, rule)
    assert ranking.order == [2, 1, 0]
    assert str(ranking.why(1, 0)) == "the keeper is where you prefer it"
    avoiding = Ranking.of(photos[:2], KeepRule(avoid=("web/",)))
    assert str(avoiding.why(1, 0)) == "the keeper is not where you avoid it"


def test_companions_and_sharpness_decide_before_bytes():
    photos = [HEAVY, FIRST, PHOTO]
    assert ordered(photos, KeepRule(), companions={"m.jpg": 1}) == [PHOTO, HEAVY, FIRST]
    soft = {HEAVY.path, PHOTO.path}
    assert ordered(photos, KeepRule(), soft=soft) == [FIRST, HEAVY, PHOTO]


@pytest.mark.parametrize(
    ("keeper", "removed", "reason"),
    [
        (LARGE, HEAVY, "more pixels"),
        (HEAVY, PHOTO, "more bytes"),
        (OLD, PHOTO, "an earlier time"),
        (PAGES, LARGE, "more pages or frames"),
        (FIRST, PHOTO, "a path that sorts first"),
    ],
)
def test_why_names_the_first_difference(keeper, removed, reason):
    ranking = Ranking.of([keeper, removed])
    assert ranking.order == [0, 1]
    assert str(ranking.why(0, 1)) == f"the keeper has {reason}"
    assert str(ranking.why(0, 0)) == "the keeper has the same in every respect"
    assert str(ranking.why(1, 0)) == "nothing proves the keeper a copy of this one"


def test_some_photos_are_ranked_as_they_are_among_all():
    photos = [PHOTO, COPIED, LARGE]
    ranking = Ranking.of(photos)[[1, 2]]  # PHOTO, the original of COPIED, is not among them
    assert ranking.order == [1, 0]
    why = "the keeper is the original of this backup, copy, export or enlargement"
    assert str(ranking.why(1, 0)) == why


def test_a_twin_is_ranked_as_its_like_but_comes_last():
    photos = [PHOTO, replace(FIRST, bytes=9000)]
    assert Ranking.of(photos, last={"a.jpg"}).with_twins({1: 0}).order == [0, 1]


def test_a_keeper_has_the_best_date_of_its_group():
    early = replace(BY_FILE, path="e.jpg", taken_at=datetime(1990, 1, 1))
    photos = [BY_FILE, PHOTO, early, OLD]
    assert best_dates(photos, [0, 0, 0, 3]) == [1, 1, 2, 3]
    assert best_dates(photos, [0, 1, 0, 3]) == [2, 1, 2, 3]
    assert best_dates(photos, [0, 1, 2, 1]) == [0, 1, 2, 3]  # its own is as good
    dated = dated_like(photos, [1, 1, 2, 3])
    assert (dated[0].taken_at, dated[0].taken_from) == (PHOTO.taken_at, "exif")
    assert dated[1:] == photos[1:]
