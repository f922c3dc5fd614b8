"""Details of earlier photos are read from disk instead of being computed again."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import Counter
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from files import sample
from PIL import Image

from dupimg.decide import evidence as evidence_module
from dupimg.decide import glances, looker
from dupimg.decide.evidence import Evidence

NAMES = ("chelsea.png", "coffee.png", "china.jpg", "flower.jpg", "rocket.jpg", "astronaut.png")


@pytest.fixture(scope="module")
def previews() -> dict[str, bytes]:
    """Return previews of six photos and of three smaller copies."""
    made = {}
    for name in NAMES:
        photo = Image.open(sample(name)).convert("RGB")
        photo.thumbnail((512, 512))
        made[name] = jpeg(photo)
        if name in NAMES[:3]:
            made[f"small {name}"] = jpeg(photo.reduce(2))
    return made


def jpeg(photo) -> bytes:
    content = io.BytesIO()
    photo.save(content, "JPEG", quality=88)
    return content.getvalue()


@pytest.fixture
def few(monkeypatch) -> Counter:
    """Let two photos fit into memory, and count how often details are found."""
    counted: Counter = Counter()
    find = looker.find_details

    def find_and_count(grey):
        counted[grey.tobytes()] += 1
        return find(grey)

    monkeypatch.setattr(glances, "_AT_ONCE", 2)
    monkeypatch.setattr(looker, "find_details", find_and_count)
    monkeypatch.setattr(evidence_module, "_AT_ONCE", dict.fromkeys(evidence_module._AT_ONCE, 1))
    monkeypatch.setattr(evidence_module, "_GLANCES_AT_ONCE", 1)
    monkeypatch.setattr(evidence_module, "_WORTH_A_WORKER", np.inf)
    return counted


def places(previews):
    """Return the matched details of all pairs."""
    with Evidence("none", jobs=2, quiet=True) as evidence:
        for content, preview in previews.items():
            evidence.pictures.write(content, preview)
        vectors = np.ones((len(previews), 4), np.float32)
        details, proven = evidence.same_places(vectors, [*previews])
    return details.pairs.tolist(), details.counts.tolist(), proven.tolist()


def copies(previews):
    """Return the evidence on all pairs as copies."""
    with Evidence("none", jobs=2, quiet=True) as evidence:
        for content, preview in previews.items():
            evidence.pictures.write(content, preview)
        return evidence.copies([*combinations(previews, 2)])


@pytest.mark.parametrize("compare", [places, copies])
def test_what_no_longer_fits_into_memory_is_read_from_disk(previews, few, monkeypatch, compare):
    few_in_memory = compare(previews)
    assert len(few) == len(previews)
    assert set(few.values()) == {1}
    monkeypatch.undo()
    assert few_in_memory == compare(previews)


@pytest.mark.parametrize("fails", [False, True])
def test_a_full_disk_costs_time_only(previews, few, monkeypatch, fails):
    def full():
        raise OSError(28, "No space left on device")

    if fails:
        failing = SimpleNamespace(TemporaryFile=full, gettempdir=tempfile.gettempdir)
        monkeypatch.setattr(glances, "tempfile", failing)
    else:
        usage = shutil.disk_usage(tempfile.gettempdir())._replace(free=0)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    found = places(previews)
    assert max(few.values()) > 1
    monkeypatch.undo()
    assert found == places(previews)


def test_one_worker_finds_the_details_of_a_photo(previews, monkeypatch):
    sent: Counter = Counter()
    monkeypatch.setattr(evidence_module, "_WORTH_A_WORKER", 0)
    monkeypatch.setattr(evidence_module, "_GLANCES_AT_ONCE", 1)
    choose = Evidence._choose_workers

    def counting(self, n_chunks):
        workers = choose(self, n_chunks)

        def call(function, items):
            if function is looker.glance:
                sent.update(items)
            return workers(function, items)

        return call

    in_this_process = places(previews)
    monkeypatch.setattr(Evidence, "_choose_workers", counting)
    assert places(previews) == in_this_process
    assert set(sent.values()) == {1}
    assert set(sent) == set(previews.values())
