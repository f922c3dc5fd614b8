"""Another order of keepers gives what a new search would give, without comparing all pairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import permutations

import numpy as np
import pytest

from dupimg.decide.duplicates import DuplicateSearch, moved_items
from dupimg.decide.embedded import Embedded
from dupimg.files.photos import Photo
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.model.features import Features
from dupimg.options.run_options import PlanOptions

OPTIONS = PlanOptions("in", "out", quiet=True)


def photo(number: int, content: int) -> Photo:
    return Photo(f"{number:03}.jpg", 100, f"{content}", 10, 10, datetime(2025, 6, 13), "exif")


def bursts(n_bursts: int, seed: int) -> Embedded:
    """Return photos in chains of similar ones, each photo in two files of one content at times."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(n_bursts, 16))
    steps = random.normal(size=(n_bursts, 6, 16)).cumsum(axis=1) * 0.12
    vectors = (centres[:, None] + steps).reshape(-1, 16).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    thumbnails = random.integers(0, 255, (n_bursts, 1, 32, 32), np.uint8)
    thumbnails = np.broadcast_to(thumbnails, (n_bursts, 6, 32, 32)).reshape(-1, 32, 32)
    features = Features(vectors, vectors, thumbnails)
    inverse = np.append(np.arange(len(vectors)), random.integers(0, len(vectors), 20))
    return Embedded(tuple(photo(*pair) for pair in enumerate(inverse)), features, inverse)


def outcome(groups) -> tuple:
    gone = {rule: mask.tolist() for rule, mask in groups.removed_by.items()}
    return groups.keepers.tolist(), groups.cosine_to_keeper.tolist(), gone


@pytest.mark.parametrize("rule", ["careful", "verified"])
@pytest.mark.parametrize("n_moved", [0, 1, 5, 60])
def test_another_order_gives_what_a_new_search_gives(rule, n_moved):
    embedded = bursts(30, seed=n_moved)
    random = np.random.default_rng(7)
    options = replace(OPTIONS, duplicate_rule=rule)
    order = random.permutation(len(embedded.photos))
    later = random.choice(order, n_moved, replace=False)
    other = np.append(order[~np.isin(order, later)], later)
    stays = {embedded.photos[order[0]].path}

    def search() -> DuplicateSearch:
        return DuplicateSearch(embedded, options, protected=stays, with_other_rules=True)

    first = search()
    assert outcome(first.find(order)) == outcome(search().find(order))
    assert outcome(first.find(other)) == outcome(search().find(other))
    assert outcome(first.find(order)) == outcome(search().find(order))


def test_only_the_photos_around_those_that_moved_are_compared_again(monkeypatch):
    sizes = []
    fit = DuplicateFinder.fit

    def counting(self, X, **more):
        sizes.append(len(X))
        return fit(self, X, **more)

    monkeypatch.setattr(DuplicateFinder, "fit", counting)
    embedded = bursts(30, seed=1)
    search = DuplicateSearch(embedded, OPTIONS)
    order = np.arange(len(embedded.photos))
    search.find(order)
    search.find(np.append(order[order != 12], 12))
    assert sizes[0] == 180
    assert 1 <= sizes[1] <= 12


def test_the_fewest_items_move():
    before = np.arange(5)
    for after in permutations(range(5)):
        moved = moved_items(before, np.array(after))
        rest = [item for item in after if item not in moved]
        assert rest == sorted(rest)
        longest = max(
            bin(kept).count("1")
            for kept in range(32)
            if (some := [item for item in after if kept >> item & 1]) == sorted(some)
        )
        assert len(rest) == longest
