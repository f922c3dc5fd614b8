import numpy as np
import pytest

from dupimg.groups.thumbnails import Thumbnails


def pictures(n=12, side=8, seed=0):
    return np.random.default_rng(seed).integers(256, size=(n, side, side), dtype=np.uint8)


def turns(picture, rotations, mirrored):
    for k in range(4 if rotations else 1):
        yield np.rot90(picture, k)
        if mirrored:
            yield np.rot90(picture, k)[:, ::-1]


@pytest.mark.parametrize("rotations", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_equals_the_definition_for_every_turn(rotations, mirrored):
    small = pictures()
    thumbnails = Thumbnails(small, 12, rotations=rotations, mirrored=mirrored)
    i, j = np.triu_indices(12)
    expected = [
        max(
            np.corrcoef(small[a].ravel(), turn.ravel())[0, 1]
            for turn in turns(small[b], rotations, mirrored)
        )
        for a, b in zip(i, j, strict=True)
    ]
    got = thumbnails.correlations(i, j)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_array_equal(got, thumbnails.correlations(j, i))


@pytest.mark.parametrize("side", [32, 40])
def test_a_pair_has_the_same_bits_alone_and_among_many(side):
    small = pictures(40, side)
    small[:6] = np.random.default_rng(1).choice([0, 255], size=(6, side, side))
    small[6], small[7] = 0, 255
    small[20:] = (
        small[10] // 2 + small[20:] // 20
    )  # about as similar in their parts as is asked for
    thumbnails = Thumbnails(small, 40)
    i, j = (pairs.ravel() for pairs in np.indices((40, 40)))
    together = thumbnails.correlations(i, j)
    assert together.tolist() == [
        thumbnails.correlations(a, b)[0] for a, b in np.c_[i, j][..., None]
    ]
    alike = thumbnails.are_copies(i, j, 0.8)
    assert 40 < alike.sum() < 1600
    assert alike.tolist() == [
        thumbnails.are_copies(a, b, 0.8)[0] for a, b in np.c_[i, j][..., None]
    ]


def test_turned_pictures_are_found_only_where_asked():
    one = pictures(1)[0]
    small = np.stack([one, np.rot90(one), one[:, ::-1], np.rot90(one[:, ::-1], 3)])
    i, j = np.zeros(3, int), np.arange(1, 4)
    for rotations, mirrored, found in (
        (False, False, [False, False, False]),
        (True, False, [True, False, False]),
        (False, True, [False, True, False]),
        (True, True, [True, True, True]),
    ):
        thumbnails = Thumbnails(small, 4, rotations=rotations, mirrored=mirrored)
        assert (thumbnails.correlations(i, j) > 0.999).tolist() == found


def test_brightness_and_contrast_do_not_count():
    one = pictures(1)[0] // 2
    small = np.stack([one, one + 100, one // 2])
    values = Thumbnails(small, 3).correlations(np.array([0, 0]), np.array([1, 2]))
    assert values[0] == 1
    assert values[1] > 0.99


def test_pictures_of_one_grey():
    small = np.stack(
        [np.full((4, 4), grey, np.uint8) for grey in (0, 0, 255)] + [pictures(side=4)[0]]
    )
    i, j = np.array([0, 0, 0, 3]), np.array([1, 2, 3, 0])
    assert Thumbnails(small, 4).correlations(i, j).tolist() == [1, 0, 0, 0]


def test_a_frame_does_not_make_a_copy():
    rng = np.random.default_rng(0)
    frame = np.full((32, 32), 255, np.uint8)
    frame[6:26, 6:26] = 0
    inside = rng.integers(40, size=(2, 20, 20), dtype=np.uint8)
    small = np.stack([frame, frame, frame])
    small[0, 6:26, 6:26] += inside[0]
    small[1, 6:26, 6:26] += inside[1]
    small[2, 6:26, 6:26] += inside[0] + inside[1] // 8
    thumbnails = Thumbnails(small, 3)
    i, j = np.array([0, 0, 1]), np.array([1, 2, 0])
    assert (thumbnails.correlations(i, j) > 0.97).all()
    assert thumbnails.are_copies(i, j, 0.97).tolist() == [False, True, False]
    # A flat part says nothing, and a picture of flat parts only is judged as a whole.
    assert Thumbnails(small // 100, 3).are_copies(i, j, 0.97).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_turned_copy_is_a_copy_in_its_parts(seed):
    one = pictures(1, side=32, seed=seed)[0]
    small = np.stack([one, np.rot90(one, seed)[:, ::-1]])
    thumbnails = Thumbnails(small, 2, rotations=True, mirrored=True)
    for i, j in ((0, 1), (1, 0)):
        assert thumbnails.are_copies(np.array([i]), np.array([j]), 0.97).all()


@pytest.mark.parametrize(
    ("small", "message"),
    [
        (np.zeros((3, 4, 4)), "type float64, expected"),
        (np.zeros((3, 4, 5), np.uint8), r"shape \(3, 4, 5\)"),
        (np.zeros((3, 16), np.uint8), r"shape \(3, 16\)"),
        (np.zeros((2, 4, 4), np.uint8), "Got 2 thumbnails for 3 vectors"),
    ],
)
def test_what_is_no_thumbnail(small, message):
    with pytest.raises(ValueError, match=message):
        Thumbnails(small, 3)
