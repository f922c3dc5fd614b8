"""Measure searches and clusterings, compared with other libraries on the same vectors.

Each way runs in its own process, which reads the vectors from a file, so that its peak memory is
measured separately. The bare matrix products of all pairs are a lower bound for every search that
computes them.
"""

from __future__ import annotations

import importlib.util
import math
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray

from benchmarks.options import BenchmarkOptions
from benchmarks.vectors import make_vectors

DUPLICATE, _LINK, _SCENE = 0.95, 0.8, 0.7
T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """A way to search or to cluster.

    Attributes
    ----------
    name : str
    run : callable
        Returns the number of pairs or clusters found in vectors.
    package : str
        The required package.
    squares : float
        Bytes in memory for each of n² pairs.
    """

    name: str
    run: Callable[[NDArray[np.float32]], int]
    package: str = "dupimg"
    squares: float = 0.0


def benchmark_search(options: BenchmarkOptions) -> pd.DataFrame:
    """Measure searches and clusterings of generated vectors.

    Parameters
    ----------
    options : BenchmarkOptions

    Returns
    -------
    DataFrame
        A row for each number of vectors and each way: seconds, peak memory of the process in GB,
        the number of pairs or clusters found, the time in units of the bare products, its growth
        (the exponent since the previous number of vectors), and a note if it was skipped.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        for n_rows in options.sizes:
            np.save(path, make_vectors(n_rows))
            for way in WAYS:
                before = [row for row in rows if row["way"] == way.name and row["seconds"] > 0]
                rows.append(_row(way, path, n_rows, before[-1] if before else None, options))
    table = pd.DataFrame(rows).astype({"found": "Int64"})
    bare = table[table["way"] == WAYS[0].name].set_index("vectors")["seconds"]
    table.insert(5, "times_bare_products", table["seconds"] / table["vectors"].map(bare))
    if options.output is not None:
        table.to_csv(options.output, index=False)
    return table


def _row(
    way: Way, path: Path, n_rows: int, before: dict[str, Any] | None, options: BenchmarkOptions
) -> dict[str, Any]:
    """Measure a way, or return the reason for skipping it."""
    row = {"vectors": n_rows, "way": way.name, "seconds": np.nan, "peak_gb": np.nan, "found": None}
    row |= {"exponent": np.nan, "note": _reason_against(way, n_rows, before, options.minutes)}
    if row["note"]:
        return row
    seconds, peak, found = in_own_process(_measure, way, path)
    row |= {"seconds": seconds, "peak_gb": peak / 1e9, "found": found}
    if before is not None:
        growth = seconds / before["seconds"]
        row["exponent"] = math.log(growth) / math.log(n_rows / before["vectors"])
    return row


def in_own_process(function: Callable[..., T], *args: Any) -> T:
    """Call a function in a new process, so that earlier work does not affect its peak memory.

    Parameters
    ----------
    function : callable
        A function of a module, which the process imports.
    args
        Arguments of the function.

    Returns
    -------
    object
        The result of the function.

    Examples
    --------
    >>> in_own_process(math.sqrt, 9)
    3.0
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args).result()


def _reason_against(way: Way, n_rows: int, before: dict[str, Any] | None, minutes: int) -> str:
    """Return the reason for skipping a way; empty if there is none."""
    if importlib.util.find_spec(way.package) is None:
        return f"needs {way.package}, of the extra bench"
    n_bytes = way.squares * n_rows**2
    if n_bytes > 0.7 * psutil.virtual_memory().available:
        return f"would take {n_bytes / 1e9:.0f} GB"
    if before is not None:
        seconds = before["seconds"] * (n_rows / before["vectors"]) ** 2
        if seconds > 60 * minutes:
            return f"would take {seconds / 60:.0f} min"
    return ""


def _measure(way: Way, path: Path) -> tuple[float, int, int]:
    """Return seconds, the peak memory of this process in bytes, and the number found."""
    vectors = np.load(path)
    way.run(vectors[:64])  # imports its libraries
    start = time.perf_counter()
    found = way.run(vectors)
    seconds = time.perf_counter() - start
    return seconds, peak_bytes(), found


def peak_bytes() -> int:
    """Return the peak memory of this process in bytes."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    if sys.platform == "linux":
        # The value of getrusage includes the parent process.
        (line,) = (x for x in Path("/proc/self/status").read_text().split("\n") if "VmHWM" in x)
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _bare_products(vectors: NDArray[np.float32]) -> int:
    """Compute the products of all pairs in the blocks of our search, without evaluating them."""
    from dupimg.search.blocks import LARGEST_BLOCK_ROWS, Block, SearchOptions, run_blocks, triangle

    def multiply(block: Block) -> tuple:
        return _product_of, vectors[block.rows], vectors[block.columns]

    blocks = triangle(len(vectors), LARGEST_BLOCK_ROWS)
    run_blocks(blocks, multiply, lambda *_: None, np.float32, n_jobs=SearchOptions().jobs)
    return 0


def _product_of(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    return (left @ right.T)[:1, 0]


def _graph(vectors: NDArray[np.float32]) -> int:
    from dupimg.search.similarity import cosine_graph

    return cosine_graph(vectors, DUPLICATE).pairs.nnz // 2


def _duplicates(vectors: NDArray[np.float32]) -> int:
    from dupimg import DuplicateFinder

    return int(DuplicateFinder(threshold=DUPLICATE).fit(vectors).labels_.max()) + 1


def _linked(vectors: NDArray[np.float32], *, sketches: bool = True) -> int:
    from dupimg.search.similarity import connected_groups

    return int(connected_groups(vectors, _LINK, sketches=sketches).max()) + 1


def _linked_without_sketches(vectors: NDArray[np.float32]) -> int:
    return _linked(vectors, sketches=False)


def _radius_graph(vectors: NDArray[np.float32]) -> int:
    from sklearn.neighbors import radius_neighbors_graph

    graph = radius_neighbors_graph(vectors, 1 - DUPLICATE, metric="cosine", n_jobs=-1)
    return graph.nnz // 2


def _range_search(vectors: NDArray[np.float32]) -> int:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    limits, _, _ = index.range_search(vectors, DUPLICATE)
    return (int(limits[-1]) - len(vectors)) // 2


def _scenes(vectors: NDArray[np.float32]) -> int:
    from dupimg import SceneGrouper

    return int(SceneGrouper(threshold=_SCENE, linkage="average").fit(vectors).labels_.max()) + 1


def _agglomerative(vectors: NDArray[np.float32]) -> int:
    from sklearn.cluster import AgglomerativeClustering

    clusterer = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - _SCENE
    )
    return int(clusterer.fit(vectors).labels_.max()) + 1


WAYS = (
    Way("bare products of all pairs", _bare_products),
    Way("duplicate pairs: dupimg", _graph),
    Way("duplicate pairs: scikit-learn radius graph", _radius_graph, "sklearn"),
    Way("duplicate pairs: faiss range_search", _range_search, "faiss"),
    Way("duplicate groups: dupimg", _duplicates),
    Way("linked groups: dupimg", _linked),
    Way("linked groups: dupimg, without sketches", _linked_without_sketches),
    Way("scenes, average linkage: dupimg", _scenes),
    # The matrix of distances in float64, and SciPy's half of it.
    Way("scenes, average linkage: scikit-learn", _agglomerative, "sklearn", squares=8 + 4 + 4),
)
