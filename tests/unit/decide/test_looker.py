"""Details of earlier photos are read from disk instead of being computed again."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import Counter
from itertools import combinations

import pytest
from files import sample
from PIL import Image

from dupimg.decide import looker
from dupimg.decide.looker import COPIES, PLACES, Looker, Question

NAMES = ("chelsea.png", "coffee.png", "china.jpg", "flower.jpg", "rocket.jpg", "astronaut.png")


@pytest.fixture(scope="module")
def question() -> Question:
    """Ask about all pairs of six photos and of three smaller copies, in a mixed order."""
    previews = {}
    for name in NAMES:
        photo = Image.open(sample(name)).convert("RGB")
        photo.thumbnail((512, 512))
        previews[name] = jpeg(photo)
        if name in NAMES[:3]:
            previews[f"small {name}"] = jpeg(photo.reduce(2))
    pairs = sorted(combinations(previews, 2), key=lambda pair: hash_of(pair))
    return Question(PLACES, pairs, previews)


def jpeg(photo) -> bytes:
    content = io.BytesIO()
    photo.save(content, "JPEG", quality=88)
    return content.getvalue()


def hash_of(pair) -> int:
    return sum(map(ord, "".join(pair))) * 7919 % 101


@pytest.fixture
def few(monkeypatch) -> Counter:
    """Let two photos fit into memory, and count how often details are found."""
    counted: Counter = Counter()
    find = looker.find_details

    def find_and_count(grey):
        counted[grey.tobytes()] += 1
        return find(grey)

    monkeypatch.setattr(looker, "_GLANCES_AT_ONCE", 2)
    monkeypatch.setattr(looker, "find_details", find_and_count)
    return counted


@pytest.mark.parametrize("what", [PLACES, COPIES])
def test_what_no_longer_fits_into_memory_is_read_from_disk(question, few, monkeypatch, what):
    few_in_memory = Looker().answer(question._replace(what=what))
    assert len(few) == len(question.previews)
    assert set(few.values()) == {1}
    monkeypatch.undo()
    assert few_in_memory == Looker().answer(question._replace(what=what))


@pytest.mark.parametrize("fails", [False, True])
def test_a_full_disk_costs_time_only(question, few, monkeypatch, fails):
    def full():
        raise OSError(28, "No space left on device")

    if fails:
        monkeypatch.setattr(tempfile, "TemporaryFile", full)
    else:
        usage = shutil.disk_usage(tempfile.gettempdir())._replace(free=0)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    found = Looker().answer(question)
    assert max(few.values()) > 1
    monkeypatch.undo()
    assert found == Looker().answer(question)
