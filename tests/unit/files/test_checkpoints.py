import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dupimg.files.checkpoints import Checkpoints
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.search import blocks
from dupimg.search.similarity import connected_groups, cosine_graph, cosine_neighbours


@pytest.fixture
def logged(monkeypatch):
    """Let small searches be logged, too."""
    monkeypatch.setattr(blocks, "FEWEST_PAIRS_LOGGED", 0)


def clustered(seed=0, n=200, d=16):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n // 5, d))[
        rng.integers(n // 5, size=n)
    ] + 0.2 * rng.standard_normal((n, d))


class Killed(BaseException):
    """Ends a search in the middle, as a signal would."""


def killed_after(n_blocks):
    left = iter(range(n_blocks))

    def progress(n_pairs):
        if next(left, None) is None:
            raise Killed

    return progress


def fields(result):
    if isinstance(result, DuplicateFinder):
        names = ["labels_", "keepers_", "cosine_to_keeper_", "nearest_cosine_", "nearest_index_"]
        return [getattr(result, name) for name in names]
    if isinstance(result, np.ndarray):
        return [result]
    return [
        part
        for value in vars(result).values()
        for part in ([value] if isinstance(value, np.ndarray) else [value.data, value.indices])
    ]


SEARCHES = {
    "graph": lambda v, **kw: cosine_graph(v, 0.9, memory=50_000, **kw),
    "neighbours": lambda v, **kw: cosine_neighbours(v[:60], v[60:], 0.9, memory=50_000, **kw),
    "groups": lambda v, **kw: connected_groups(v, 0.9, memory=50_000, **kw),
    "finder": lambda v, **kw: DuplicateFinder(threshold=0.9, memory=50_000).fit(
        v, keeper_order=np.arange(len(v))[::-1], **kw
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("torn", [0, 1, 13, 40])
def test_a_search_goes_on_where_it_was_killed(name, torn, tmp_path, logged):
    find, vectors = SEARCHES[name], clustered()
    expected = fields(find(vectors))
    all_blocks = []
    find(vectors, progress=all_blocks.append)
    with pytest.raises(Killed), Checkpoints(tmp_path / "logs") as checkpoints:
        find(vectors, checkpoint=checkpoints, progress=killed_after(len(all_blocks) // 2))
    (path,) = (tmp_path / "logs").iterdir()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - torn)
    with Checkpoints(tmp_path / "logs") as checkpoints:
        resumed = fields(find(vectors, checkpoint=checkpoints))
        assert path.stat().st_size > size
        again = fields(find(vectors, checkpoint=checkpoints))
    for result in (resumed, again):
        for values, wanted in zip(result, expected, strict=True):
            assert np.array_equal(values, wanted)
    assert not (tmp_path / "logs").exists()


def test_another_search_has_another_log(tmp_path, logged):
    checkpoints = Checkpoints(tmp_path)
    vectors, thumbnails = clustered(n=20), np.zeros((20, 4, 4), np.uint8)
    finder = DuplicateFinder()
    before = {}
    for parameters in (
        {},
        {"keeper_order": np.arange(20)[::-1]},
        {"cannot_link": [[0, 1]]},
        {"thumbnails": thumbnails},
        {"thumbnails": thumbnails + 1},
    ):
        finder.fit(vectors, checkpoint=checkpoints, **parameters)
        DuplicateFinder(threshold=0.9).fit(vectors, checkpoint=checkpoints, **parameters)
        finder.fit(vectors + 1e-9, checkpoint=checkpoints, **parameters)
        after = {path: path.read_bytes() for path in tmp_path.iterdir()}
        assert len(after) == len(before) + 3
        before = after
    finder.fit(vectors, checkpoint=checkpoints)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damage_costs_what_stands_after_it(tmp_path):
    log = Checkpoints(tmp_path).log("a")
    for number in range(4):
        log.append(number, bytes(range(9)))
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:60] + b"\xff" + content[61:])
    assert [number for number, _ in log.records()] == [0]
    log.append(7, b"")
    assert list(log.records()) == [(0, bytes(range(9))), (7, b"")]
    path.write_bytes(b"something else")
    assert list(log.records()) == []
    log.append(5, b"x")
    assert list(log.records()) == [(5, b"x")]


@pytest.mark.parametrize("n_bytes", [20, 4096])
def test_zeros_as_a_crash_leaves_them_are_no_finding(n_bytes, tmp_path):
    log = Checkpoints(tmp_path).log("a")
    log.append(3, b"found")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(n_bytes))
    assert list(log.records()) == [(3, b"found")]
    assert path.read_bytes() == whole


SCRIPT = """
import sys
import numpy as np
from dupimg.search import blocks
from dupimg.files.checkpoints import Checkpoints
from dupimg.groups.duplicates import DuplicateFinder

blocks.FEWEST_PAIRS_LOGGED = 0
vectors = np.load(sys.argv[1], mmap_mode="r")
with Checkpoints(sys.argv[2]) as checkpoints:
    finder = DuplicateFinder(threshold=0.9, memory=3_000_000).fit(vectors, checkpoint=checkpoints)
np.savez(sys.argv[3], keepers=finder.keepers_, nearest=finder.nearest_cosine_)
"""


def test_a_process_that_is_killed_again_and_again_comes_to_the_same_end(tmp_path):
    np.save(tmp_path / "vectors.npy", clustered(1, n=3000, d=64))
    words = [tmp_path / "vectors.npy", tmp_path / "logs", tmp_path / "result.npz"]
    command = [sys.executable, "-c", SCRIPT, *map(str, words)]
    size = n_kills = 0
    for _ in range(3):
        process = subprocess.Popen(command)
        # Killed as soon as it has got further than the one before it.
        while process.poll() is None and _bytes_in(tmp_path / "logs") <= size + 3000:
            time.sleep(0.005)
        process.kill()
        n_kills += process.wait() == -signal.SIGKILL
        assert _bytes_in(tmp_path / "logs") > size
        size = _bytes_in(tmp_path / "logs")
    assert n_kills == 3
    subprocess.run(command, check=True)
    expected = DuplicateFinder(threshold=0.9).fit(np.load(tmp_path / "vectors.npy"))
    with np.load(tmp_path / "result.npz") as result:
        assert np.array_equal(result["keepers"], expected.keepers_)
        assert np.array_equal(result["nearest"], expected.nearest_cosine_)
    assert not (tmp_path / "logs").exists()


def _bytes_in(folder):
    return sum(path.stat().st_size for path in folder.glob("*"))
