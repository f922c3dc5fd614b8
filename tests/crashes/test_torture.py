from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from kills import KINDS, Life

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="needs SIGKILL and /dev/shm")
def test_nothing_is_lost_when_dupimg_is_killed():
    command = [sys.executable, ROOT / "scripts" / "torture.py", "--runs=20", "--seed=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, *counted, last = done.stdout.splitlines()
    assert "nothing was lost in 20 kills" in last
    assert len(counted) == len(KINDS)
    assert sum(int(line.split()[-1]) for line in counted) > 0, done.stdout  # kills midway


def test_a_loss_would_be_noticed(tmp_path):
    kind = next(kind for kind in KINDS if kind.protected)
    life = Life(kind, tmp_path / "a", tmp_path / "b", random.Random(0))
    life.check_nothing_is_lost()
    (life.source / "best/2/2.bin").write_bytes(b"changed")
    with pytest.raises(AssertionError, match="no whole file"):
        life.check_nothing_is_lost()
    (life.source / "best/2/2.bin").unlink()
    with pytest.raises(AssertionError, match="is lost"):
        life.check_nothing_is_lost()


def test_apply_does_not_wait_for_torch():
    code = (
        "import sys, dupimg.runs.organize; sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
