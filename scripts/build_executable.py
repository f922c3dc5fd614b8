"""Build dupimg as a program without Python: a folder, and the same as a ZIP file.

Run it in an environment with the lean install and PyInstaller (``pip install pyinstaller``). The
program is built for the current system, into ``dist/``.
"""

from __future__ import annotations

import os
import platform
import re
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image, ImageDraw

import dupimg

ROOT = Path(__file__).resolve().parents[1]

_SIDE = 1024  # side of the icon in pixels

# Properties of the program on Windows.
_VERSION_FILE = """VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}),
  kids=[
    StringFileInfo([StringTable("040904B0", [
      StringStruct("FileDescription", "dupimg: duplicate photos and scenes"),
      StringStruct("FileVersion", "{version}"),
      StringStruct("LegalCopyright", "BSD 3-Clause"),
      StringStruct("ProductName", "dupimg"),
      StringStruct("ProductVersion", "{version}")])]),
    VarFileInfo([VarStruct("Translation", [1033, 1200])])
  ]
)"""


def main() -> int:
    """Build the program into ``dist/``, and print its size."""
    dist = ROOT / "dist"
    with tempfile.TemporaryDirectory() as folder:
        _build(dist, Path(folder))
    built = dist / ("dupimg.app" if sys.platform == "darwin" else "dupimg")
    system = f"{platform.system()}-{platform.machine()}".lower()
    archive = dist / f"dupimg-{dupimg.__version__}-{system}.zip"
    zip_folder(built, archive)
    size = sum(path.lstat().st_size for path in built.rglob("*"))
    print(f"{built}: {size / 1e6:.0f} MB; {archive}: {archive.stat().st_size / 1e6:.0f} MB")
    return 0


def _build(dist: Path, work: Path) -> None:
    icon, version_file = work / "dupimg.png", work / "version.txt"
    draw_icon(ROOT / "dupimg/web/icon.svg").save(icon)
    numbers = (*(int(part) for part in re.findall(r"\d+", dupimg.__version__)[:3]), 0)
    version_file.write_text(_VERSION_FILE.format(numbers=numbers, version=dupimg.__version__))
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level=WARN"]
    command += [f"--distpath={dist}", f"--workpath={work}", str(ROOT / "scripts/executable.spec")]
    variables = {
        "DUPIMG_ROOT": ROOT,
        "DUPIMG_VERSION": dupimg.__version__,
        "DUPIMG_ICON": icon,
        "DUPIMG_VERSION_FILE": version_file if sys.platform == "win32" else "",
    }
    environment = contained(work) | {name: str(value) for name, value in variables.items()}
    subprocess.run(command, check=True, env=environment)


def contained(work: Path) -> dict[str, str]:
    """Return the environment of a build that only writes below `work`.

    PyInstaller imports the bundled packages. OpenVINO would record its use in ``~/intel`` and send
    it to Intel; without its telemetry it works as well.
    """
    blocked = work / "blocked"
    blocked.mkdir()
    (blocked / "openvino_telemetry.py").write_text("raise ImportError\n")
    paths = [str(blocked), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYINSTALLER_CONFIG_DIR": str(work / "pyinstaller"),
    }


def draw_icon(path: Path) -> Image.Image:
    """Draw an SVG file that consists of filled rectangles with round corners.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Image
        The icon with 1,024 × 1,024 pixels, RGBA.
    """
    svg = ElementTree.parse(path).getroot()
    scale = _SIDE / float(svg.attrib["viewBox"].split()[2])
    icon = Image.new("RGBA", (_SIDE, _SIDE))
    draw = ImageDraw.Draw(icon)
    for shape in svg.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, width, height, radius = (
            scale * float(shape.attrib[name]) for name in ("x", "y", "width", "height", "rx")
        )
        box = (x, y, x + width - 1, y + height - 1)
        draw.rounded_rectangle(box, radius, fill=shape.attrib["fill"])
    return icon


def zip_folder(folder: Path, archive: Path) -> None:
    """Write a folder to a ZIP file, with symbolic links and execute permissions."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder.parent).as_posix()
            if path.is_symlink():
                link = zipfile.ZipInfo(name)
                link.external_attr = (stat.S_IFLNK | 0o777) << 16
                file.writestr(link, str(path.readlink()))
            elif path.is_file():
                file.write(path, name)


if __name__ == "__main__":
    sys.exit(main())
