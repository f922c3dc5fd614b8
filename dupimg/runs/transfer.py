"""Transfer one file to its destination and back: the only module that touches the user's files.

A file appears under its final name atomically, complete and verified, and never overwrites
another. A moved file is removed from its old place only after that. Every step can be repeated
after a crash at any moment: it detects what was done.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path

from dupimg.errors import UsageError
from dupimg.files.durable import STATE_FOLDER, sync_folder
from dupimg.files.identity import identity_of
from dupimg.files.photos import content_digest
from dupimg.messages import message, why

COPY, MOVE, HARD_LINK, REFLINK = "copy", "move", "hard_link", "reflink"

# Errors of link() on file systems without hard links (FAT, exFAT, some network shares), and if the
# system forbids links to files of other users.
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}

# ioctl FICLONE of linux/fs.h: share the blocks of another file until one of them changes.
_FICLONE = 0x40049409


def probe(mode: str, source: Path, output_dir: Path) -> None:
    """Raise UsageError if the file system does not support hard links or clones.

    Raises
    ------
    UsageError
    """
    trial = output_dir / STATE_FOLDER / "probe"
    trial.unlink(missing_ok=True)  # a hard link to a photo, left by a crash
    try:
        if mode == HARD_LINK:
            os.link(source, trial)
        elif mode == REFLINK:
            _share_blocks(source, trial)
    except OSError as error:
        raise UsageError(
            message(
                "refused.mode",
                flag=f"--{mode}",
                source=str(source.parent),
                folder=str(output_dir),
                why=why(error),
            )
        ) from error
    finally:
        trial.unlink(missing_ok=True)


def place(source: Path, destination: Path, mode: str, digest: str, identity: str = "") -> None:
    """Transfer one file to its destination.

    Parameters
    ----------
    source, destination : Path
        The folder of the destination is created.
    mode : {"copy", "move", "hard_link", "reflink"}
        A move within one filesystem renames; across filesystems it is a verified copy, after
        which the source is removed.
    digest : str
        SHA-256 that the content must have.
    identity : str, optional
        Identity of the file when its digest was computed, see `dupimg.files.identity.identity_of`.
        A file to rename or link is read again if its identity has changed.

    Raises
    ------
    OSError
        The file is still at its source, and the destination is unchanged.
    """
    if os.path.lexists(destination):
        _expect(destination, digest, errno.EEXIST)
        unfinished_copy(destination).unlink(missing_ok=True)
        if mode == MOVE and source.exists():  # a crash interrupted the move
            _remove_other_copy(source, destination, digest)
        return
    if mode in (HARD_LINK, MOVE) and not is_as_it_was(source, digest, identity):
        raise OSError(errno.EIO, message("why.other_content"))
    _make_folder(destination.parent)
    if mode == HARD_LINK:
        os.link(source, destination)
        return
    if mode == MOVE and _renamed(source, destination):
        return
    _copy_verified(source, destination, digest, clone=mode == REFLINK)
    if mode == MOVE:
        _unlink_old_name(source, destination)


def displace(source: Path, destination: Path, mode: str, digest: str) -> bool:
    """Undo `place`.

    Returns
    -------
    bool
        False where the file was back already, or its copy gone.

    Raises
    ------
    OSError
        The file in the output or its source has changed; both are left.
    """
    unfinished_copy(destination).unlink(missing_ok=True)
    if not os.path.lexists(destination):
        if mode == MOVE:
            if not os.path.lexists(source):
                raise OSError(errno.ENOENT, message("why.gone", path=str(destination)))
            _expect(source, digest, errno.EBUSY)
        return False
    before = identity_of(destination.lstat())
    _expect(destination, digest, errno.EBUSY)
    if mode == MOVE:
        place(destination, source, MOVE, digest, before)
    else:
        # The source must exist, as the file in the output may be the only copy by now.
        _remove_other_copy(destination, source, digest)
    return True


def write_sidecar(path: Path, content: str) -> None:
    """Write a sidecar unless it exists with this content.

    Raises
    ------
    OSError
        Another file has this name.
    """
    if os.path.lexists(path):
        _expect(path, _digest_of(content), errno.EEXIST)
        return
    part = unfinished_copy(path)
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as file:
            file.write(content.encode())
            file.flush()
            os.fsync(file.fileno())
        _rename_without_overwriting(part, path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def remove_sidecar(path: Path, content: str) -> None:
    """Remove a sidecar written by `write_sidecar`.

    Raises
    ------
    OSError
        It was changed, and is left.
    """
    unfinished_copy(path).unlink(missing_ok=True)
    if os.path.lexists(path):
        _expect(path, _digest_of(content), errno.EBUSY)
        path.unlink()


def move_sidecar(source: Path, destination: Path) -> None:
    """Move a sidecar along with its photo, even if the user has changed it."""
    if os.path.lexists(source):
        place(source, destination, MOVE, content_digest(source))


def _digest_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _expect(path: Path, digest: str, error_number: int) -> None:
    """Raise OSError unless a file has the expected content."""
    if not os.path.lexists(path):
        raise OSError(errno.ENOENT, message("why.gone", path=str(path)))
    if not is_whole(path, digest):
        in_the_way = error_number == errno.EEXIST
        told = message("why.in_the_way" if in_the_way else "why.changed_since", path=str(path))
        raise OSError(error_number, told)


def is_as_it_was(path: Path, digest: str, identity: str) -> bool:
    """Return whether a file has the expected content; read it only if its identity has changed."""
    status = path.lstat()
    return identity_of(status) == identity or is_whole(path, digest)


def expect_other(keeper: Path, digest: str, identity: str, path: Path) -> None:
    """Raise OSError unless the keeper exists and is another file than the one that goes.

    Device and inode do not identify a file reached by two mounts of one share, so paths are
    resolved, too.

    Parameters
    ----------
    keeper : Path
    digest, identity : str
        Digest and identity of the keeper when it was read.
    path : Path
        The file that goes.
    """
    is_there = os.path.lexists(keeper) and is_as_it_was(keeper, digest, identity)
    if not is_there or os.path.realpath(keeper) == os.path.realpath(path):
        raise OSError(errno.EBUSY, message("why.keeper_changed", path=str(keeper)))


def is_whole(path: Path, digest: str) -> bool:
    """Return whether a path is a regular file with the expected content."""
    regular = os.path.lexists(path) and stat.S_ISREG(path.lstat().st_mode)
    return regular and content_digest(path) == digest


def is_readable_whole(path: Path, digest: str) -> bool:
    """Like `is_whole`, but return False if the disk fails to read the file."""
    try:
        return is_whole(path, digest)
    except OSError:
        return False


def _remove_other_copy(path: Path, remaining: Path, digest: str) -> None:
    """Remove one of two identical files, after verifying the other."""
    _expect(remaining, digest, errno.EBUSY)
    if not path.samefile(remaining):
        _expect(path, digest, errno.EBUSY)
    path.unlink()


def _renamed(source: Path, destination: Path) -> bool:
    """Rename without overwriting; return False across file systems."""
    try:
        _rename_without_overwriting(source, destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy_verified(source: Path, destination: Path, digest: str, *, clone: bool) -> None:
    part = unfinished_copy(destination)
    part.unlink(missing_ok=True)
    try:
        if clone:
            _share_blocks(source, part)
        else:
            shutil.copyfile(source, part)
        with part.open("rb+") as copy:
            os.fsync(copy.fileno())
        if content_digest(part) != digest:
            raise OSError(errno.EIO, message("why.other_content"))
        with contextlib.suppress(PermissionError):  # FAT and network shares have no permissions
            shutil.copystat(source, part)
        _rename_without_overwriting(part, destination)
        sync_folder(destination.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def unfinished_copy(destination: Path) -> Path:
    """Return the name of an incomplete copy, under which a repeated step finds it."""
    name = hashlib.sha256(os.fsencode(destination.name)).hexdigest()[:16]
    return destination.with_name(f".dupimg-{name}.part")


def _make_folder(folder: Path) -> None:
    """Create a folder with its parents, and flush their names to the disk."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def _share_blocks(source: Path, copy: Path) -> None:
    with source.open("rb") as original, copy.open("wb") as clone:
        try:
            import fcntl

            fcntl.ioctl(clone.fileno(), _FICLONE, original.fileno())
        except (ImportError, OSError) as error:
            raise OSError(errno.ENOTSUP, message("why.no_shared_blocks")) from error


def _rename_without_overwriting(source: Path, destination: Path) -> None:
    # A rename would overwrite silently on POSIX; a second link to the file cannot.
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), destination) from None
        source.rename(destination)
    else:
        _unlink_old_name(source, destination)


def _unlink_old_name(source: Path, destination: Path) -> None:
    """Remove the old name of a file, or the new one if the old one cannot be removed."""
    try:
        source.unlink(missing_ok=True)
    except OSError:
        if os.path.lexists(source):
            destination.unlink()
        raise


def remove_empty_folders(folder: Path) -> None:
    """Remove a folder and its subfolders as far as they are empty."""
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(parent).rmdir()
