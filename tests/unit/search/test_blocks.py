import numpy as np
import pytest
from joblib import parallel_config

from dupimg.search.blocks import block_rows, rectangle, run_blocks, triangle


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("n_rows", [0, 1, 2, 7])
def test_a_triangle_holds_every_pair_once(n_rows, size):
    counts = np.zeros((n_rows, n_rows), int)
    blocks = list(triangle(n_rows, size))
    for block in blocks:
        part = np.ones((n_rows, n_rows), int)[block.rows, block.columns]
        counts[block.rows, block.columns] += np.triu(part, 1) if block.is_diagonal else part
    assert np.array_equal(counts, np.triu(np.ones((n_rows, n_rows), int), 1))
    assert [block.number for block in blocks] == list(range(len(blocks)))
    assert sum(block.n_pairs for block in blocks) == n_rows * (n_rows - 1) // 2


def test_a_rectangle_holds_every_pair_once():
    counts = np.zeros((5, 7), int)
    for block in rectangle(5, 7, 3):
        counts[block.rows, block.columns] += 1
        assert block.n_pairs == counts[block.rows, block.columns].size
    assert (counts == 1).all()


@pytest.mark.parametrize("n_features", [8, 1280])
def test_more_memory_makes_larger_blocks_up_to_a_size(n_features):
    sizes = [block_rows(n_features, memory, 2) for memory in (1, 10**6, 10**7, 10**9, 10**12)]
    assert sizes[0] == 1
    assert sizes == sorted(sizes)
    assert sizes[-1] == sizes[-2] == 1024
    for memory, size in zip((10**6, 10**7), sizes[1:3], strict=True):
        # Products, masks and candidates, and the rows in float32 and as they were.
        assert 2 * (size**2 * 55 + 2 * size * n_features * 12) <= memory


def numbered(number):
    return np.array([number], np.int32)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_every_block_is_run_once_and_taken_as_it_comes(n_jobs):
    taken, done = [], []
    run_blocks(
        triangle(20, 1),
        lambda block: (numbered, block.number),
        lambda block, found: taken.append((block.number, *found)),
        np.int32,
        n_jobs=n_jobs,
        progress=done.append,
    )
    assert sorted(taken) == [(number, number) for number in range(210)]
    assert sum(done) == 190


def test_tasks_go_wherever_joblib_is_told():
    taken = []
    with parallel_config(backend="loky", n_jobs=2):
        run_blocks(
            triangle(6, 2),
            lambda block: (numbered, block.number),
            lambda block, found: taken.extend(found),
            np.int32,
            n_jobs=2,
        )
    assert sorted(taken) == list(range(6))


def test_an_error_in_a_task_comes_out():
    with pytest.raises(ZeroDivisionError):
        run_blocks(triangle(9, 1), lambda b: (divmod, 1, 0), print, np.int32, n_jobs=2)
