import pickle

import numpy as np
import pytest

from dupimg.search.mapped import MappedArray


@pytest.fixture
def saved(tmp_path):
    array = np.arange(60, dtype=np.float32).reshape(12, 5)
    np.save(tmp_path / "array.npy", array)
    return array, np.load(tmp_path / "array.npy", mmap_mode="r")


@pytest.mark.parametrize("rows", [slice(None), slice(3, 9), slice(3, 10, 1)])
def test_a_part_of_a_map_is_found_in_its_file(saved, rows):
    array, mapped = saved
    for view in (mapped[rows], np.asarray(mapped)[rows], np.asarray(mapped[rows])):
        found = MappedArray.of(view)
        assert len(found) == len(array[rows])
        np.testing.assert_array_equal(found[:], array[rows])
        np.testing.assert_array_equal(found[np.array([2, 0])], array[rows][[2, 0]])
        assert type(found[1:3]) is np.ndarray
        assert found[1:3].base is None


def test_it_pickles_as_the_name_of_its_file(saved):
    array, mapped = saved
    content = pickle.dumps(MappedArray.of(mapped))
    assert len(content) < 500
    np.testing.assert_array_equal(pickle.loads(content)[4:6], array[4:6])


def test_what_is_not_in_a_file_row_by_row(saved, tmp_path):
    array, mapped = saved
    assert MappedArray.of(array) is None
    assert MappedArray.of(mapped[::2]) is None
    assert MappedArray.of(mapped[:, :3]) is None
    assert MappedArray.of(mapped.T) is None
    assert MappedArray.of(mapped[0]) is None
    changed = np.load(tmp_path / "array.npy", mmap_mode="c")
    assert MappedArray.of(changed) is None
    (tmp_path / "array.npy").unlink()
    assert MappedArray.of(mapped) is None
