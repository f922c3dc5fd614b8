from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import launched
from files import sample
from PIL import Image

from dupimg.cli.main import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# What no machine can offer at will, what takes minutes or is not ours, and what DUPIMG_MAY_SKIP
# says that this environment lacks on purpose.
MAY_SKIP = ["needs a processor", "set DUPIMG_LONG=1", "set DUPIMG_EXECUTABLE", "SCIPY_ARRAY_API"]
MAY_SKIP += filter(None, [os.environ.get("DUPIMG_MAY_SKIP")])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test that skips fail, where DUPIMG_NO_SKIPS says that all is there that tests need."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("DUPIMG_NO_SKIPS"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(part in reason for part in MAY_SKIP):
            report.outcome = "failed"
            report.longrepr = f"DUPIMG_NO_SKIPS is set, but: {reason}"
    return report


# Unit tests that .ci/run runs with torch, too: of what chooses, loads and runs networks. The other
# rooms know nothing of torch; an import contract says so.
IN_BOTH = ("test_api.py", "test_house.py", "model/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to the lean install what it runs as well, where DUPIMG_LEAN_RUNS_THE_REST says so."""
    if os.environ.get("DUPIMG_LEAN_RUNS_THE_REST"):
        config.hook.pytest_deselected(items=[item for item in items if runs_without_torch(item)])
        items[:] = [item for item in items if not runs_without_torch(item)]


def runs_without_torch(item: pytest.Item) -> bool:
    """Return whether a test need not run again in an environment with torch."""
    _, found, place = item.nodeid.partition("tests/unit/")
    reasons = [str(mark.kwargs.get("reason")) for mark in item.iter_markers("skipif")]
    skips = any(reason.startswith("needs torch") for reason in reasons)
    needs = skips or "fitted_head" in getattr(item, "fixturenames", ())
    return bool(found) and not place.startswith(IN_BOTH) and not needs


@pytest.fixture(scope="session", autouse=True)
def hears_ctrl_c() -> None:
    """Let what tests start hear Ctrl-C: in the background of a shell, programs ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def empty_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests apart from the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_photos() -> Path:
    """Return the folder of real photos with ground truth beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "photos"
    if not folder.is_dir():
        pytest.skip("needs the labelled photos in ../shared/photos, whose licences keep them there")
    return folder


@pytest.fixture(scope="session")
def photos_to_fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a hundred different parts of sample photos, and a text file."""
    folder = tmp_path_factory.mktemp("unlabelled")
    names = ["astronaut.png", "chelsea.png", "china.jpg", "flower.jpg", "rocket.jpg"]
    names += ["brick.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "retina.jpg"]
    rng = random.Random(0)
    for number in range(100):
        with Image.open(sample(names[number % 10])) as photo:
            side = min(photo.size) // 3
            x, y = rng.randrange(photo.width - side), rng.randrange(photo.height - side)
            part = photo.convert("RGB").crop((x, y, x + side, y + side))
            part.save(folder / f"{number:03}.jpg", quality=90)
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture(scope="session")
def fitted_head(photos_to_fit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a head that `dupimg fit_head` fitted on these parts."""
    pytest.importorskip("torch", reason="needs torch, which a lean install lacks")
    path = tmp_path_factory.mktemp("head") / "own.npz"
    assert main(["fit_head", str(photos_to_fit), str(path), "--quiet"]) == 0
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield the browser of this machine."""
    with launched() as browser:
        yield browser


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that everybody may enter and write to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture
def other_filesystem(tmp_path: Path) -> Iterator[Path]:
    """Yield an empty folder on another filesystem than `tmp_path`."""
    if sys.platform != "linux":
        pytest.skip("needs a second filesystem, which this test knows on Linux only")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        assert Path(folder).stat().st_dev != tmp_path.stat().st_dev
        yield Path(folder)


@pytest.fixture
def small_filesystem(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """Yield an empty filesystem and its size in bytes."""
    size = 3 << 19
    with mounted(tmp_path / "small", f"size={size}") as folder:
        yield folder, size


@pytest.fixture
def read_only_filesystem(tmp_path: Path) -> Iterator[Path]:
    """Yield an empty filesystem on which not even root may write."""
    with mounted(tmp_path / "read-only", "ro") as folder:
        yield folder


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a filesystem in memory for the length of a test."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "dupimg-test", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs permission to mount a filesystem")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
