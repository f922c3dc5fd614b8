from datetime import datetime

import numpy as np

from dupimg.decide.embedded import Embedded
from dupimg.files.photos import Photo
from dupimg.model.features import Features


def photo(name: str, digest: str) -> Photo:
    return Photo(name, 100, digest, 10, 10, datetime(2025, 6, 13), "exif")


def features(value: int) -> Features:
    vector = np.array([value, 1], np.float32)
    return Features(vector, -vector, np.full((32, 32), value, np.uint8))


PHOTOS = [photo("a.jpg", "one"), photo("b.jpg", "two"), photo("c.jpg", "one"), photo("d.jpg", "3")]
BY_DIGEST = {"3": features(3), "one": features(1), "two": features(2), "gone": features(9)}


def test_byte_identical_photos_share_their_features():
    embedded = Embedded.of(PHOTOS, BY_DIGEST)
    assert embedded.features.vector[:, 0].tolist() == [1, 2, 3]
    assert embedded.inverse.tolist() == [0, 1, 0, 2]
    assert embedded.of_each_photo.scene_vector[:, 0].tolist() == [-1, -2, -1, -3]


def test_some_photos_keep_their_own_features_alone():
    some = Embedded.of(PHOTOS, BY_DIGEST)[np.array([3, 0, 2])]
    assert [photo.path for photo in some.photos] == ["d.jpg", "a.jpg", "c.jpg"]
    assert some.of_each_photo.vector[:, 0].tolist() == [3, 1, 1]
    assert len(some.features) == 2


def test_pairs_of_contents():
    embedded = Embedded.of(PHOTOS, BY_DIGEST)
    assert embedded.content_pairs([("3", "one"), ("one", "two")]).tolist() == [[2, 0], [0, 1]]
    assert embedded.content_pairs([]).shape == (0, 2)


def test_no_photos():
    embedded = Embedded.of([], BY_DIGEST)
    assert embedded.photos == ()
    assert len(embedded.features) == len(embedded.inverse) == 0
    assert embedded.content_pairs([]).shape == (0, 2)
