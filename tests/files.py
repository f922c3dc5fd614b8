"""Before and after pictures of folders, and photos made of the packages' sample images."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from PIL import Image


def sample(name: str) -> Path:
    """Return the path of a sample photo that scikit-learn or scikit-image carries."""
    for package, folder in (("sklearn", "datasets/images"), ("skimage", "data")):
        spec = importlib.util.find_spec(package)
        path = Path(spec.submodule_search_locations[0]) / folder / name
        if path.exists():
            return path
    raise FileNotFoundError(name)


def save(picture: Image.Image, path: Path, *, taken: str = "", mtime: float = 1e9, **how) -> Path:
    """Save a picture; `taken` is its EXIF capture time, `mtime` the time of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if taken:
        exif = how.setdefault("exif", Image.Exif())
        exif[0x010F] = "dupimg"  # without a tag of the main directory, PNG drops all of EXIF
        exif.get_ifd(0x8769)[0x9003] = taken
    picture.save(path, **how)
    os.utime(path, (mtime, mtime))
    return path


def make_files(folder: Path, files: Mapping[str, bytes | str], mtime: float = 1e9) -> None:
    """Write files, given by relative path and content."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (mtime, mtime))


def read_files(folder: Path) -> dict[str, bytes]:
    """Read back every file of a folder by relative path, without dupimg's own notes and page."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and ".dupimg" not in path.parts
        and path != folder / "report.html"
    }


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Read back every file with its modification time in nanoseconds."""
    return {
        name: (content, (folder / name).stat().st_mtime_ns)
        for name, content in read_files(folder).items()
    }
