import errno

import pytest

from dupimg.files.durable import write_durably


def test_a_block_that_raises_changes_nothing(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), write_durably(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_until_the_block_ends_the_old_file_is_there(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_bytes(b"old")
    with write_durably(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_crash_left_is_replaced(tmp_path):
    tmp_path.joinpath("plan.csv.part").write_bytes(b"longer than what comes after it")
    with write_durably(tmp_path / "plan.csv") as file:
        file.write(b"short")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
        ("plan.csv", b"short")
    ]


def test_a_full_disk_leaves_the_old_file(small_filesystem):
    folder, size = small_filesystem
    path = folder / "plan.csv"
    path.write_bytes(b"old")
    with pytest.raises(OSError) as caught, write_durably(path) as file:
        file.write(bytes(2 * size))
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert list(folder.glob("plan*")) == [path]
