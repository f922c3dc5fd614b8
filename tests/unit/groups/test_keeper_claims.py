import numpy as np
import pytest

from dupimg.groups.keeper_claims import Claims
from dupimg.search.blocks import triangle


def claimed_by_hand(similar):
    """The definition: visit the rows in order; the unclaimed ones claim their neighbours."""
    keepers = {}
    for row in range(len(similar)):
        if row not in keepers:
            keepers[row] = row
            for other in np.flatnonzero(similar[row]):
                keepers.setdefault(other, row)
    return [keepers[row] for row in range(len(similar))]


def random_pairs(rng, n, density):
    upper = np.triu(rng.random((n, n)) < density, 1)
    return upper | upper.T


def take(claims, block, similar):
    """Hand over the pairs of a block; those of rows that are not free may be left out."""
    rows, columns = claims.are_free(block)
    wanted = np.triu(similar)[block.rows, block.columns] & rows[:, None] & columns
    i, j = np.nonzero(wanted)
    return block, i + block.rows.start, j + block.columns.start


@pytest.mark.parametrize("density", [0.01, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("size", [1, 3, 7, 40])
@pytest.mark.parametrize("seed", range(5))
def test_blocks_in_any_order_claim_what_the_definition_says(seed, size, density):
    rng = np.random.default_rng(seed)
    similar = random_pairs(rng, 31, density)
    claims = Claims(31)
    in_work = []
    # A few blocks are begun before others are done, and end in any order.
    for block in triangle(31, size):
        in_work.append(take(claims, block, similar))
        if len(in_work) > 5:
            claims.take(*in_work.pop(rng.integers(len(in_work))))
    for k in rng.permutation(len(in_work)):
        claims.take(*in_work[k])
    assert claims.keepers.tolist() == claimed_by_hand(similar)


def test_all_pairs_in_the_worst_order():
    similar = random_pairs(np.random.default_rng(0), 20, 0.2)
    claims = Claims(20)
    begun = [take(claims, block, similar) for block in triangle(20, 3)]
    for taken in reversed(begun):
        claims.take(*taken)
    assert claims.keepers.tolist() == claimed_by_hand(similar)


def test_what_is_claimed_is_no_longer_free():
    claims = Claims(4)
    blocks = list(triangle(4, 2))
    claims.take(blocks[0], np.array([0]), np.array([1]))
    rows, columns = claims.are_free(blocks[2])
    assert blocks[2].rows == slice(0, 2)
    assert rows.tolist() == [True, False]
    assert columns.tolist() == [True, True]
