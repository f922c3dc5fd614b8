import numpy as np
import pytest

from dupimg.model.features import Features


def photo(seed):
    rng = np.random.default_rng(seed)
    return Features(
        rng.standard_normal(5).astype(np.float32),
        rng.standard_normal(3).astype(np.float32),
        rng.integers(256, size=(32, 32), dtype=np.uint8),
    )


def assert_same(left, right):
    for name in ("vector", "scene_vector", "thumbnail"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
        assert getattr(left, name).dtype == getattr(right, name).dtype


def test_one_photo_survives_as_bytes():
    assert_same(Features.from_bytes(photo(0).to_bytes(), 5), photo(0))


def test_stacking_and_choosing_rows():
    three = Features.stack([photo(seed) for seed in range(3)])
    assert len(three) == 3
    assert three.thumbnail.shape == (3, 32, 32)
    chosen = three[np.array([2, 0])]
    assert_same(chosen, Features.stack([photo(2), photo(0)]))


@pytest.mark.parametrize("length", [0, 1024, 1024 + 4 * 5, 1024 + 4 * 8 - 1])
def test_content_that_is_too_short(length):
    with pytest.raises(ValueError, match=f"Got {length} bytes, expected two vectors"):
        Features.from_bytes(photo(0).to_bytes()[:length], 5)
