"""Measure the commands on very many tiny photos, where decoding costs little.

Every step runs in its own process, so that its peak memory is measured separately.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.options import BenchmarkOptions
from benchmarks.sample_photos import make_collage
from dupimg.cli.main import say

# Photos in a folder, and their size in pixels.
_IN_FOLDER, _SIZE = 50, (96, 64)

# Every tenth photo is a copy of the previous one, saved again.
_COPY_EVERY = 10

_BEFORE = "import sys; from pathlib import Path; given, output = map(Path, sys.argv[1:3])\n"
_COMMAND = "from dupimg.cli.main import main\nassert main(WORDS) == 0"
_PLAN = _COMMAND.replace(
    "WORDS", "['plan', str(given), str(output), '--quiet', f'--cache={given}.sqlite']"
)
_OPEN_PLAN = """
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.runs.journal import read_plan
record = read_plan(output)
about = PageInfo.of(record.run, "planned")
"""

# The steps in order, as Python code; a review ends when its page has the rows.
STEPS = {
    "plan": _PLAN,
    "plan again": _PLAN,
    "report.html": f"{_OPEN_PLAN}write_page(record.rows, output, about)",
    "review": """
from dupimg.files.cache import Cache
from dupimg.pages.local_server import LocalServer
from dupimg.review.review_server import ReviewServer, gc_frozen
from dupimg.review.review_session import ReviewSession
with gc_frozen():
    session = ReviewSession(output, Cache(None))
server = LocalServer()
ReviewServer(server, session, map, remembers=False, command="")
assert server.app.test_client().get(f"{server.address}data").status_code == 200
""",
    "apply --process_mode=move": _COMMAND.replace(
        "WORDS", "['apply', str(output), '--process_mode=move', '--quiet', '--cache=none']"
    ),
    "undo": _COMMAND.replace("WORDS", "['undo', str(output), '--quiet', '--cache=none']"),
}

_AFTER = """
import resource
import time
seconds = time.perf_counter() - start
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(of.ru_utime + of.ru_stime for of in used)
# Not ru_maxrss, which a process inherits from the one that started it.
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print("measured", seconds, cpu, int(peak) / 1024)
"""


def benchmark_folders(options: BenchmarkOptions) -> pd.DataFrame:
    """Measure every step at every size.

    Parameters
    ----------
    options : BenchmarkOptions

    Returns
    -------
    DataFrame
        Columns step, photos, seconds, cpu_seconds, ms_per_photo (of processor time, on which other
        programs have little influence), peak_mb. The milliseconds per photo of a linear step are
        constant.
    """
    rows = []
    for row in (row for size in options.tiny for row in _measure(size)):
        rows.append(row)
        # All sizes may take hours, so show each result immediately.
        figures = ", ".join(f"{value:,.4g} {name}" for name, value in row.items() if name != "step")
        say(f"{row['step']}: {figures}", file=sys.stderr)
        if options.output is not None:
            pd.DataFrame(rows).to_csv(options.output, index=False)
    return pd.DataFrame(rows)


def _measure(size: int) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        given, output = Path(folder, "in"), Path(folder, "out")
        make_photos(given, size)
        for step, code in STEPS.items():
            whole = f"import time; start = time.perf_counter()\n{_BEFORE}{code}\n{_AFTER}"
            done = subprocess.run(
                [sys.executable, "-c", whole, given, output], capture_output=True, text=True
            )
            found = re.search(r"^measured (\S+) (\S+) (\S+)$", done.stdout, re.MULTILINE)
            if found is None:
                raise RuntimeError(f"{step} at {size:,} photos: {done.stderr.strip()[-2000:]}")
            seconds, cpu, peak = map(float, found.groups())
            yield {
                "step": step,
                "photos": size,
                "seconds": seconds,
                "cpu_seconds": cpu,
                "ms_per_photo": 1000 * cpu / size,
                "peak_mb": peak,
            }


def make_photos(folder: Path, size: int) -> None:
    """Make `size` tiny photos in folders of 50; every tenth is a copy of the previous one."""
    folder.mkdir()
    starts = range(0, size, _IN_FOLDER)
    with ProcessPoolExecutor() as pool:
        list(pool.map(_make_folder, *zip(*((folder, i, size) for i in starts), strict=True)))


def _make_folder(folder: Path, start: int, size: int) -> None:
    inner = folder / f"{start // _IN_FOLDER:04}"
    inner.mkdir()
    for number in range(start, min(start + _IN_FOLDER, size)):
        copies = number % _COPY_EVERY == _COPY_EVERY - 1
        collage = make_collage(np.random.default_rng(number - copies), _SIZE)
        collage.save(inner / f"{number:06}.jpg", quality=80 if copies else 90)
