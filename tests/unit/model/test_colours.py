from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from dupimg.model.colours import N_ADDED, white_ground, with_colours


def shirt(colour: str, ground: str) -> np.ndarray:
    picture = Image.new("RGB", (224, 224), ground)
    ImageDraw.Draw(picture).rectangle((70, 40, 150, 200), fill=colour)
    return np.asarray(picture)


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    embedding = np.full(4, 0.5, np.float32)
    return float(with_colours(embedding, first) @ with_colours(embedding, second))


def test_vectors_have_norm_one_and_equal_pictures_equal_ones():
    embedding = np.full(4, 0.5, np.float32)
    picture = shirt("red", "white")
    vector = with_colours(embedding, picture)
    assert vector.dtype == np.float32
    assert vector.shape == (4 + N_ADDED,)
    np.testing.assert_allclose(np.linalg.norm(vector), 1, rtol=1e-6)
    np.testing.assert_array_equal(vector, with_colours(embedding, picture.copy()))


def test_colours_count_most_before_a_white_ground():
    assert white_ground(shirt("red", "white")) == 1
    assert white_ground(shirt("red", "olive")) == 0
    on_white = cosine(shirt("red", "white"), shirt("green", "white"))
    on_olive = cosine(shirt("red", "olive"), shirt("green", "olive"))
    assert on_white < 0.3
    assert on_olive > 0.85
