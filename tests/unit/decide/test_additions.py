from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dupimg.decide.additions import add_rows
from dupimg.decide.collection import Collection
from dupimg.decide.embedded import Embedded
from dupimg.decide.group import find_groups, keep_rule, rank_photos
from dupimg.files.photos import File, Listing, Photo
from dupimg.messages import message
from dupimg.model.features import Features
from dupimg.options.run_options import PlanOptions
from dupimg.plans.plan import check_plan, make_plan
from dupimg.plans.rows import KEEP, REMOVE

OPTIONS = PlanOptions("in", "out")
TIME = datetime(2025, 6, 13, 23, 7, 56)


def photo(number: int, pixels: int = 10, minutes: int = 0, digest: str = "") -> Photo:
    name = f"{number:03}.jpg"
    taken = TIME + timedelta(minutes=minutes or number)
    return Photo(name, 100, digest or name, pixels, 10, taken, "exif")


def at_angles(*degrees: float) -> Features:
    """Photos of which two are as similar as the cosine of the angle between them says."""
    angles = np.radians(degrees)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    thumbnails = np.random.default_rng(0).integers(0, 255, (len(degrees), 32, 32), np.uint8)
    return Features(vectors, vectors, thumbnails)


def with_scene_vectors(features: Features) -> Features:
    """Give photos another embedding for scenes, in which they are a little more alike."""
    ones = np.ones((len(features), 1), np.float32)
    return replace(features, scene_vector=np.hstack([features.vector, ones / 8]))


def organized(photos, features, options=OPTIONS):
    """Return the rows of a run that was carried out."""
    embedded = Embedded(tuple(photos), features, np.arange(len(photos)))
    ranking = rank_photos(embedded, keep_rule(options))
    groups = find_groups(embedded, options, ranking)
    rows = make_plan(Listing(tuple(photos), ()), groups, ranking)
    return [replace(row, earlier=row.destination) for row in rows]


def add(earlier, photos, features, others=(), companions=(), options=OPTIONS):
    """Add photos to a run; `photos` are all of them, those of the run first."""
    contents, inverse = np.unique([photo.digest for photo in photos], return_inverse=True)
    first = [[photo.digest for photo in photos].index(content) for content in contents]
    known = {row.path: row for row in earlier}
    collection = Collection(tuple(photos), features[np.array(first)], inverse, known)
    listing = Listing(tuple(photos), tuple(others), tuple(companions))
    rows, notes = add_rows(earlier, listing, collection, options)
    assert check_plan(rows) == []
    assert {row.path for row in rows} == {f.path for f in (*photos, *others, *companions)}
    return {row.path: row for row in rows}, notes


def test_a_new_photo_joins_the_scene_of_its_like_and_others_begin_new_ones():
    photos = [photo(0), photo(1), photo(2), photo(3), photo(4)]
    features = at_angles(0, 30, 90, 20, 140)
    earlier = organized(photos[:3], features[np.arange(3)])
    assert [row.scene for row in earlier] == [1, 1, 2]
    rows, notes = add(earlier, photos, features)
    assert [rows[p.path].scene for p in photos] == [1, 1, 2, 1, 3]
    assert notes == ()
    for row in earlier:  # names that were given stay
        assert rows[row.path].destination == row.destination
        assert not rows[row.path].has_step
    assert rows["004.jpg"].destination == "processed/image-0003-20250613231156000.jpg"
    assert rows["003.jpg"].nearest_cosine == pytest.approx(np.cos(np.radians(10)))
    assert rows["000.jpg"].nearest_cosine == pytest.approx(np.cos(np.radians(20)))


def test_a_better_copy_takes_the_place_of_the_photo_that_was_kept():
    photos = [photo(0, minutes=7), photo(1, pixels=5), photo(2, pixels=99, minutes=7)]
    features = at_angles(0, 2, 1)
    earlier = organized(photos[:2], features[np.arange(2)])
    assert [(row.action, row.duplicate_group) for row in earlier] == [(KEEP, 1), (REMOVE, 1)]
    rows, _ = add(earlier, photos, features)
    kept, demoted, removed = rows["002.jpg"], rows["000.jpg"], rows["001.jpg"]
    assert (kept.action, kept.scene, kept.duplicate_group) == (KEEP, 1, 1)
    # It gets the very name of the photo that goes: the steps are taken in that order.
    assert kept.destination == demoted.earlier == "processed/image-0001-20250613231456000.jpg"
    assert (demoted.action, demoted.keeper) == (REMOVE, "002.jpg")
    assert demoted.destination == "remove/image-0001-20250613231456000--000.jpg"
    assert str(demoted.reason).startswith("a better photo was added: near duplicate of the keeper")
    assert (removed.keeper, removed.destination) == ("002.jpg", removed.earlier)


def test_a_duplicate_whose_keeper_goes_comes_back_if_nothing_stands_for_it():
    # 1 went for 0; the new 2 is better than 0, and not similar enough to 1.
    photos = [photo(0), photo(1, pixels=5), photo(2, pixels=99)]
    features = at_angles(0, 15, -15)
    earlier = organized(photos[:2], features[np.arange(2)])
    rows, _ = add(earlier, photos, features)
    assert [rows[p.path].action for p in photos] == [REMOVE, KEEP, KEEP]
    assert rows["001.jpg"].earlier.startswith("remove/")
    assert rows["001.jpg"].destination.startswith("processed/image-0001-")
    assert rows["001.jpg"].duplicate_group is None


def test_the_same_bytes_once_more_never_replace_what_is_there():
    photos = [photo(1), photo(0, digest="001.jpg")]  # the new one is older, and sorts first
    features = at_angles(0, 0)
    rows, _ = add(organized(photos[:1], features[np.arange(1)]), photos, features)
    assert (rows["001.jpg"].action, rows["000.jpg"].action) == (KEEP, REMOVE)
    assert str(rows["000.jpg"].reason) == "identical bytes; the keeper was there before"
    assert rows["000.jpg"].cosine_to_keeper == rows["001.jpg"].nearest_cosine == 1.0


def test_what_was_decided_by_hand_stays():
    photos = [photo(0), photo(1, pixels=5), photo(2, pixels=99), photo(3, pixels=1)]
    features = at_angles(0, 2, 1, 3)
    first, second = organized(photos[:2], features[np.arange(2)])
    both = [first, replace(second, action=KEEP, keeper="", destination="processed/a.jpg")]
    rows, _ = add([replace(row, earlier=row.destination) for row in both], photos, features)
    # By the rule 1 was a duplicate; a person kept it, so 2 replaces only 0.
    assert [rows[p.path].action for p in photos] == [REMOVE, KEEP, KEEP, REMOVE]
    assert not rows["001.jpg"].has_step
    swapped = [
        replace(first, action=REMOVE, keeper="001.jpg", destination="remove/b.jpg"),
        replace(second, action=KEEP, keeper="", destination="processed/a.jpg"),
    ]
    swapped = [replace(row, earlier=row.destination) for row in swapped]
    rows, _ = add(swapped, [*photos[:2], photos[3]], features[np.array([0, 1, 3])])
    # By the rule 3 would go in favour of 0, which does not stay: so 3 does.
    assert [rows[f"00{i}.jpg"].action for i in (0, 1, 3)] == [REMOVE, KEEP, KEEP]


def test_scenes_that_a_new_photo_would_join_are_left_apart_and_named():
    photos = [photo(0), photo(1), photo(2)]
    features = at_angles(0, 49, 25)
    rows, notes = add(organized(photos[:2], features[np.arange(2)]), photos, features)
    assert [rows[p.path].scene for p in photos] == [1, 2, 2]
    assert tuple(map(str, notes)) == (
        "scenes 1 and 2 would be one with the new photos; they were left apart",
    )


def test_a_scene_that_a_new_photo_would_part_stays_as_it_is_and_is_named():
    options = replace(OPTIONS, linkage="average")
    photos = [photo(0), photo(1), photo(2), photo(3)]
    features = at_angles(0, 44, 64, 170)  # 44 is nearer to 64, and both on average too far from 0
    earlier = organized(photos[:2], features[np.arange(2)], options)
    rows, notes = add(earlier, photos, features, options=options)
    assert [rows[p.path].scene for p in photos] == [1, 1, 1, 2]
    assert tuple(map(str, notes)) == (
        "scene 1 would be parted with the new photos; it was left as it is",
    )


def test_what_a_person_made_of_scenes_is_not_named_with_every_addition():
    photos = [photo(0), photo(1), photo(2), photo(3), photo(4)]
    features = at_angles(0, 20, 90, 10, 80)
    united = [replace(row, scene=1) for row in organized(photos[:3], features[np.arange(3)])]
    parted = [replace(row, scene=number) for number, row in zip((1, 3, 2), united, strict=True)]
    for by_hand, scenes in ((united, [1, 1, 1, 1, 1]), (parted, [1, 3, 2, 1, 2])):
        rows, notes = add(by_hand, photos, features)
        assert ([rows[p.path].scene for p in photos], notes) == (scenes, ())


def test_other_files_and_companions():
    photos = [photo(0), photo(1, pixels=5), photo(2, pixels=99)]
    features = at_angles(0, 90, 1)
    earlier = organized(photos[:2], features[np.arange(2)])
    sidecar = replace(
        earlier[0],
        path="000.xmp",
        digest="x",
        companion_of="000.jpg",
        width=None,
        destination="processed/image-0001-20250613230756000.xmp",
        earlier="processed/image-0001-20250613230756000.xmp",
    )
    note = File("/media/card/notes.txt", 5, "n", message("reason.not_a_picture"))
    new = File(
        "001.xmp", 5, "s", message("reason.sidecar", photo="001.jpg"), companion_of="001.jpg"
    )
    contents = [*photos]
    known = {row.path: row for row in (*earlier, sidecar)}
    collection = Collection(
        tuple(contents),
        features,
        np.arange(3),
        {path: row for path, row in known.items() if row.width},
    )
    rows, _ = add_rows(list(known.values()), Listing((), (note,), (new,)), collection, OPTIONS)
    assert check_plan(rows) == []
    rows = {row.path: row for row in rows}
    assert (rows["000.jpg"].action, rows["000.xmp"].action) == (REMOVE, KEEP)
    assert rows["000.xmp"].destination == rows["002.jpg"].destination.replace(".jpg", ".xmp")
    assert rows["001.xmp"].destination == rows["001.jpg"].earlier.replace(".jpg", ".xmp")
    assert rows["/media/card/notes.txt"].destination == "other/media/card/notes.txt"


def test_scene_cosines_of_a_run_that_knew_none_are_found_with_the_next_photo():
    photos = [photo(0), photo(1), photo(2), photo(3)]
    features = with_scene_vectors(at_angles(0, 30, 90, 40))
    once = {row.path: row.nearest_scene_cosine for row in organized(photos, features)}
    before = organized(photos[:3], features[np.arange(3)])
    earlier = [replace(row, nearest_scene_cosine=None) for row in before]
    for rows, _ in (add(earlier, photos, features), add(before, photos, features)):
        assert {path: row.nearest_scene_cosine for path, row in rows.items()} == once
    assert once["000.jpg"] > once["002.jpg"]


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_adding_leads_to_the_same_sets_as_a_run_over_everything(data):
    n = data.draw(st.integers(2, 14))
    n_old = data.draw(st.integers(1, n - 1))
    draws = [data.draw(st.tuples(st.integers(0, 60), st.integers(1, 4))) for _ in range(n)]
    features = with_scene_vectors(at_angles(*(3 * angle for angle, _ in draws)))
    photos = [photo(i, pixels=pixels) for i, (_, pixels) in enumerate(draws)]
    rows, notes = add(organized(photos[:n_old], features[np.arange(n_old)]), photos, features)
    once = {row.path: row for row in organized(photos, features)}
    assert {p: r.keeper for p, r in rows.items()} == {p: r.keeper for p, r in once.items()}
    assert {p: r.action for p, r in rows.items()} == {p: r.action for p, r in once.items()}
    for path, row in rows.items():
        assert row.nearest_cosine == once[path].nearest_cosine
        assert row.cosine_to_keeper == once[path].cosine_to_keeper
        assert row.nearest_scene_cosine == once[path].nearest_scene_cosine
    groups = {(row.duplicate_group, row.keeper or row.path) for row in rows.values()}
    numbers = [number for number, _ in groups if number is not None]
    assert len(numbers) == len(set(numbers))
    # New photos share scenes as in one run, unless one of these runs scenes that were there
    # together, or comes apart.
    new = [p.path for p in photos[n_old:] if rows[p.path].action == KEEP]
    if not notes:
        for a in new:
            for b in new:
                if once[a].scene == once[b].scene:
                    assert rows[a].scene == rows[b].scene


def test_a_copy_of_what_does_not_stay_says_so():
    photos = [photo(0), photo(1, digest="000.jpg")]
    features = at_angles(0, 0)
    (first,) = organized(photos[:1], features[np.arange(1)])
    by_hand = replace(first, action=REMOVE, destination="remove/a.jpg", earlier="remove/a.jpg")
    rows, _ = add([by_hand], photos, features)
    assert [rows[p.path].action for p in photos] == [REMOVE, KEEP]
    assert str(rows["001.jpg"].reason) == "stays: 000.jpg, which it is like, was not to stay"


@pytest.mark.parametrize("pixels", [5, 10, 99])
def test_a_photo_like_one_that_a_person_removed_says_so_better_or_not(pixels):
    photos = [photo(0), photo(1, pixels=pixels), photo(2)]
    features = at_angles(0, 3, 90)
    (first,) = organized(photos[:1], features[np.arange(1)])
    by_hand = replace(first, action=REMOVE, destination="remove/a.jpg", earlier="remove/a.jpg")
    rows, _ = add([by_hand], photos, features)
    assert [rows[p.path].action for p in photos] == [REMOVE, KEEP, KEEP]
    assert str(rows["001.jpg"].reason) == "stays: 000.jpg, which it is like, was not to stay"
    assert str(rows["002.jpg"].reason) == "no duplicate"
