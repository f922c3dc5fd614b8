"""Photos of one camera and one moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from dupimg.decide.shared_moments import linked_by_time
from dupimg.files.photos import Photo
from dupimg.files.traits import Traits

START = datetime(2024, 5, 4, 12, 0, 0)


def photo(name: str, seconds: float, camera: str = "Acme 1", taken_from: str = "exif") -> Photo:
    return Photo(
        f"{name}.jpg", 1, name, 10, 10, START + timedelta(seconds=seconds), taken_from,
        traits=Traits(camera=camera),
    )  # fmt: skip


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_a_burst_is_linked_and_a_stranger_within_it_is_not():
    photos = [photo("a", 0), photo("b", 3), photo("c", 5), photo("d", 3, camera="Other 7")]
    links = linked_by_time(directions(0, 50, 100, 50), photos)
    assert sorted(map(tuple, links.tolist())) == [(0, 1), (1, 2)]


def test_the_longer_the_gap_the_more_alike_they_must_be():
    photos = [photo("a", 0), photo("b", 200)]
    assert len(linked_by_time(directions(0, 40), photos)) == 1
    assert len(linked_by_time(directions(0, 52), photos)) == 0
    assert len(linked_by_time(directions(0, 40), [photo("a", 0), photo("b", 4000)])) == 0


def test_only_what_a_camera_wrote_counts():
    vectors = directions(0, 40)
    for other in (photo("b", 1, taken_from="file"), photo("b", 1, camera="")):
        assert len(linked_by_time(vectors, [photo("a", 0), other])) == 0


def test_time_alone_links_nothing():
    assert len(linked_by_time(directions(0, 90), [photo("a", 0), photo("b", 0)])) == 0
