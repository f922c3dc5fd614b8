"""A real Dask cluster of two worker processes on this machine."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from files import make_files, read_files, sample, save
from PIL import Image, ImageEnhance

from dupimg import DuplicateFinder, PhotoEmbedder, SceneGrouper, __version__
from dupimg.cli.main import main
from dupimg.decide import dask_cluster
from dupimg.errors import UsageError
from dupimg.files.previews import PreviewFolder
from dupimg.model import remote


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("dask.distributed", reason="needs dask[distributed]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Dask's own
        with distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster:
            yield cluster


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return a folder of 72 photos, eight of each scene, two of them copies, and a broken one."""
    folder = tmp_path_factory.mktemp("photos")
    names = ("chelsea.png", "coffee.png", "rocket.jpg", "china.jpg", "flower.jpg", "astronaut.png")
    for name in names:
        photo = Image.open(sample(name)).convert("RGB")
        for i in range(12):
            view = photo.crop((10 * i, 5 * i, photo.width - 30, photo.height - 20))
            view = ImageEnhance.Brightness(view).enhance(1 - i / 100)
            save(view, folder / name[:4] / f"{i:02}.jpg", taken=f"2024:05:01 10:00:{i:02}")
    make_files(folder, {"broken.jpg": b"\xff\xd8\xff\xe0 no photo", "notes.txt": "hello"})
    return folder


def organize(photos: Path, output: Path, **options: str) -> dict[str, bytes]:
    flags = [f"--{name}={value}" for name, value in options.items()]
    assert main(["organize", str(photos), str(output), "--cache=none", "--quiet", *flags]) == 0
    return read_files(output)


def test_a_cluster_makes_the_same_report_even_if_a_worker_dies(photos, tmp_path, cluster):
    alone = organize(photos, tmp_path / "alone")
    together = organize(photos, tmp_path / "together", scheduler=cluster.scheduler_address)
    assert together == alone

    victim = next(iter(cluster.workers.values())).pid
    output = tmp_path / "one less"
    killed = threading.Thread(target=kill_once_begun, args=(victim, output))
    killed.start()
    survived = organize(photos, output, scheduler=cluster.scheduler_address)
    killed.join()
    assert victim not in {worker.pid for worker in cluster.workers.values()}
    assert survived == alone


def kill_once_begun(pid: int, output: Path) -> None:
    """Kill a process as soon as the first photos are embedded."""
    folder = PreviewFolder(output).path
    while not (folder.exists() and any(folder.rglob("*.jpg"))):
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)


def test_a_cluster_that_has_lost_all_workers_is_waited_for(photos, cluster, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_SECONDS_BETWEEN_CHECKS", 0.1)
    paths = [path for path in sorted(photos.rglob("*.jpg")) if path.name != "broken.jpg"]
    expected = PhotoEmbedder().transform(paths)
    with (
        pytest.warns(dask_cluster.NoWorkersWarning, match="no workers left, the run waits") as told,
        dask_cluster.connected(cluster.scheduler_address, paths[0]),
    ):
        stream = PhotoEmbedder().stream(paths)
        results = [next(stream)]
        scale(cluster, 0)
        while not told:
            time.sleep(0.05)
        scale(cluster, 1)
        results += stream
    assert sorted(i for i, _ in results) == list(range(len(paths)))
    assert all(np.array_equal(features.vector, expected[i]) for i, features in results)


def scale(cluster, n_workers: int) -> None:
    cluster.scale(n_workers)
    while len(cluster.scheduler.workers) != n_workers:
        time.sleep(0.05)


def test_from_python(photos, cluster, fitted_head, monkeypatch):
    from dask.distributed import Client

    paths = sorted(photos.rglob("*.jpg"))[:20]
    paths = [path for path in paths if path.name != "broken.jpg"]
    monkeypatch.chdir(fitted_head.parent)  # the workers have another current folder
    embedder = PhotoEmbedder(embedding="scenes", scene_head=fitted_head.name)
    alone = embedder.transform([*paths, paths[0]])
    with Client(cluster), joblib.parallel_config(backend="dask"):
        assert remote.uses_remote_backend()
        together = embedder.transform([*paths, paths[0]])
    assert not remote.uses_remote_backend()
    assert np.array_equal(together, alone)


def test_searches_run_there_too(cluster, tmp_path):
    from dask.distributed import Client

    random = np.random.default_rng(0)
    vectors = random.standard_normal((3000, 64)).astype(np.float32)
    vectors[1000:1500] = vectors[:500] + 0.1 * random.standard_normal((500, 64))
    np.save(tmp_path / "vectors.npy", vectors)  # on a disk that the workers see
    shared = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    alone = DuplicateFinder().fit(vectors)
    scenes = SceneGrouper().fit(vectors)
    assert 2400 < len(set(alone.keepers_)) < 2600
    with Client(cluster), joblib.parallel_config(backend="dask"):
        for given in (vectors, shared):
            finder = DuplicateFinder().fit(given)
            assert np.array_equal(finder.keepers_, alone.keepers_)
            assert np.array_equal(finder.nearest_cosine_, alone.nearest_cosine_)
            assert np.array_equal(SceneGrouper().fit(given).labels_, scenes.labels_)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_backends_of_this_machine_are_no_cluster(backend):
    with joblib.parallel_config(backend=backend):
        assert not remote.uses_remote_backend()


def refused(problem, address, photo):
    with pytest.raises(UsageError, match=problem), dask_cluster.connected(address, photo):
        pass


def test_a_worker_that_has_another_folder_or_version_is_named(photos, cluster, monkeypatch):
    address, photo = cluster.scheduler_address, photos / "notes.txt"
    with monkeypatch.context() as patched:
        patched.setattr(dask_cluster, "__version__", "99")
        refused(f"whose worker tcp.* has dupimg {__version__}: install 99 there", address, photo)
    # What a worker answers that has no such folder, or another one under the same name.
    for elsewhere, problem in (
        (photos / "none", "cannot read"),
        (photos / "broken.jpg", "another file"),
    ):
        monkeypatch.setattr(dask_cluster, "_worker_info", partial(_look_at, elsewhere))
        refused(problem, address, photo)


def _look_at(elsewhere, _):
    return __version__, elsewhere.stat().st_size


def test_a_cluster_without_workers_or_without_an_answer_is_refused(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_SECONDS_TO_CONNECT", 2)
    scale(cluster, 0)
    refused("without workers", cluster.scheduler_address, tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    refused("no Dask scheduler answers", address, tmp_path)
