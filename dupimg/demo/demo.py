"""Make a folder of photos to try dupimg on, and organize it.

Two photos are real ones from scikit-learn; all others are drawn. Views of a scene are overlapping
parts of one picture; copies imitate phones, messengers and editors.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image, ImageEnhance

from dupimg.demo.pictures import PICTURES
from dupimg.errors import UsageError
from dupimg.options.tool_options import DemoOptions
from dupimg.plans.rows import KEEP, OTHER
from dupimg.runs.organize import organize
from dupimg.runs.result import Result

_SAMPLE_FOLDER = "datasets/images"

# Time of the first file: 2024-06-01 10:00 UTC; each next file is a minute younger.
_FIRST_FILE_TIME = 1_717_236_000

_UPRIGHT, _TURN_CLOCKWISE = 1, 6  # values of the EXIF orientation tag


@dataclass(frozen=True)
class _Shot:
    """One photo of the demo.

    Attributes
    ----------
    path : str
        Relative to the folder; the extension sets the format.
    picture : str
        The file name of a sample photo, or a name in `PICTURES`.
    taken : str
        Capture time for EXIF in ISO 8601; empty for none.
    part : tuple of 4 floats
        Left, top, right and bottom of the visible part, as fractions of the picture.
    scale, brightness, color : float
        Factors; color 0 is grey.
    quality : int
        Quality of JPEG and WebP.
    orientation : int
        EXIF orientation; the stored pixels are turned so that it makes the photo upright.
    """

    path: str
    picture: str
    taken: str = ""
    part: tuple[float, float, float, float] = (0, 0, 1, 1)
    scale: float = 1.0
    brightness: float = 1.0
    color: float = 1.0
    quality: int = 92
    orientation: int = _UPRIGHT


_LEFT, _RIGHT = (0, 0, 0.7, 1), (0.3, 0, 1, 1)
_TOP_LEFT, _TOP_RIGHT = (0, 0, 0.75, 0.75), (0.35, 0, 1, 0.65)
_BOTTOM_LEFT, _CLOSER = (0, 0.35, 0.65, 1), (0.2, 0.2, 0.8, 0.8)

_TEMPLE = "2019 Beijing/IMG_2041.JPG"
_DAHLIA, _GREY_DAHLIA = "Garden/P1000217.JPG", "Garden/P1000217 grey.jpg"
_IDENTICAL_COPY = "Garden/copy of P1000217.JPG"
_WHOLE, _TRUNCATED = "Garden/P1000219.JPG", "Garden/P1000220.JPG"

_SHOTS = (
    _Shot(_TEMPLE, "china.jpg", "2019-10-03T09:12:44.310"),
    _Shot("2019 Beijing/IMG_2042.JPG", "china.jpg", "2019-10-03T09:12:51.080", _LEFT),
    _Shot("2019 Beijing/IMG_2043.JPG", "china.jpg", "2019-10-03T09:13:20.770", _TOP_RIGHT),
    _Shot("2019 Beijing/IMG_2044.JPG", "china.jpg", "2019-10-03T09:14:02.450", _CLOSER),
    _Shot("2019 Beijing/IMG_2041 (1).JPG", "china.jpg", "2019-10-03T09:12:44", quality=75),
    _Shot("2019 Beijing/IMG_2041 for the web.JPG", "china.jpg", scale=0.8, quality=88),
    _Shot("WhatsApp Images/IMG-20191003-WA0007.jpg", "china.jpg", scale=0.5, quality=75),
    _Shot(_DAHLIA, "flower.jpg", "2011-08-19T11:02:33"),
    _Shot("Garden/P1000218.JPG", "flower.jpg", "2011-08-19T11:02:50", _CLOSER),
    _Shot(_WHOLE, "flower.jpg", "2011-08-19T11:03:11", _BOTTOM_LEFT),
    _Shot("Garden/wallpaper.png", "flower.jpg", scale=0.75),
    _Shot(_GREY_DAHLIA, "flower.jpg", color=0),
    _Shot("WhatsApp Images/IMG-20110819-WA0001.jpg", "flower.jpg", scale=0.6, quality=85),
    _Shot("Lake/DSC_0412.JPG", "mountains", "2020-02-14T07:21:07.120+01:00"),
    _Shot("Lake/DSC_0413.JPG", "mountains", "2020-02-14T07:21:09.640+01:00", _RIGHT),
    _Shot("Lake/DSC_0414.JPG", "mountains", "2020-02-14T07:21:12.020+01:00", _TOP_LEFT),
    _Shot("Lake/DSC_0412 for the wall.webp", "mountains", scale=0.8, quality=85),
    _Shot(
        "Camera/PXL_20210605_081502.jpg",
        "balloons",
        "2021-06-05T08:15:02+02:00",
        orientation=_TURN_CLOCKWISE,
    ),
    _Shot("Camera/PXL_20210605_081510.jpg", "balloons", "2021-06-05T08:15:10+02:00", _LEFT),
    _Shot("Camera/PXL_20210605_081533.jpg", "balloons", "2021-06-05T08:15:33+02:00", _CLOSER),
    _Shot("Camera/PXL_20210605_081502~2.jpg", "balloons", quality=50),
    _Shot("Camera/Screenshot_20210606.png", "balloons", scale=0.7),
    _Shot("City/IMG_5501.JPG", "city", "2014-12-30T21:04:18.200"),
    _Shot("City/IMG_5502.JPG", "city", "2014-12-30T21:04:19.700", _RIGHT),
    _Shot("City/IMG_5503.JPG", "city", "2014-12-30T21:04:25.100", _LEFT),
    _Shot("City/IMG_5501 for the web.JPG", "city", scale=0.7, quality=75),
    _Shot("Holidays/DJI_7001.JPG", "beach", "2014-06-11T15:30:00"),
    _Shot("Holidays/DJI_7002.JPG", "beach", "2014-06-11T15:30:04", _LEFT),
    _Shot("Holidays/DJI_7003.JPG", "beach", "2014-06-11T15:31:40", _RIGHT),
    _Shot("Holidays/DJI_7001 vivid.JPG", "beach", color=1.4, quality=85),
    _Shot("Norway/P1050011.JPG", "northern_lights", "2022-02-02T23:40:10+01:00"),
    _Shot("Norway/P1050012.JPG", "northern_lights", "2022-02-02T23:41:33+01:00", _RIGHT),
    _Shot("Norway/P1050011.webp", "northern_lights", scale=0.6),
    _Shot("Camera/PXL_20211017_160144.jpg", "forest", "2021-10-17T16:01:44+02:00"),
    _Shot("Camera/PXL_20211017_160150.jpg", "forest", "2021-10-17T16:01:50+02:00", _TOP_LEFT),
    _Shot("Scans/Receipt.png", "receipt"),
    _Shot("Scans/Marbles.jpg", "marbles", quality=90),
    _Shot("Scans/Marbles small.jpg", "marbles", scale=0.4, quality=85),
    _Shot("Camera/PXL_20210801_093012.jpg", "tiles", "2021-08-01T09:30:12+02:00"),
)

_TEXTS = {
    "Garden/notes.txt": "Dahlias: water them every evening.\n",
    "Lake/DSC_0412.xmp": (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>\n'
    ),
}


def run_demo(options: DemoOptions) -> int:
    """Make a folder of photos, organize it and print a short guide.

    Parameters
    ----------
    options : DemoOptions
        The photos go to ``output_dir/photos``, the result to ``output_dir/sorted``.

    Returns
    -------
    int
        Exit status: 0, or 1 if a file could not be copied.

    Raises
    ------
    UsageError
        The output folder is not empty, or a sample photo is not installed.
    """
    folder = options.output_dir
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(
            f"Got output_dir={folder}, which is not empty, expected a new or an empty folder. "
            "Choose another one: `dupimg demo NEW_FOLDER`."
        )
    photos = folder / "photos"
    make_demo_photos(photos)
    result = organize(photos, folder / "sorted", quiet=options.quiet)
    if not options.quiet:
        print(result.summary())
        print(where_to_look(result, photos))
    return 1 if result.failed else 0


def make_demo_photos(folder: Path) -> None:
    """Fill a folder with the photos and the other files of the demo.

    Parameters
    ----------
    folder : Path
        Created if it does not exist. The same library versions write the same bytes.

    Raises
    ------
    UsageError
        A sample photo is not installed; nothing was written.
    """
    pictures = {name: _picture(name) for name in dict.fromkeys(shot.picture for shot in _SHOTS)}
    for shot in _SHOTS:
        path = folder / shot.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _save(shot, pictures[shot.picture], path)
    shutil.copyfile(folder / _DAHLIA, folder / _IDENTICAL_COPY)
    # A truncated file, as if the memory card had been pulled out too early.
    whole = (folder / _WHOLE).read_bytes()
    (folder / _TRUNCATED).write_bytes(whole[: len(whole) // 3])
    for name, text in _TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    written = [*(shot.path for shot in _SHOTS), _IDENTICAL_COPY, _TRUNCATED, *_TEXTS]
    for minute, name in enumerate(written):
        os.utime(folder / name, (_FIRST_FILE_TIME + 60 * minute,) * 2)


def _picture(name: str) -> Image.Image:
    """Return a sample photo of scikit-learn, or a drawn picture."""
    if name in PICTURES:
        return PICTURES[name]()
    # Find scikit-learn without importing it, which takes a second.
    spec = importlib.util.find_spec("sklearn")
    for location in (spec and spec.submodule_search_locations) or ():
        if (path := Path(location) / _SAMPLE_FOLDER / name).is_file():
            with Image.open(path) as opened:
                return opened.convert("RGB")
    raise UsageError(
        f"The sample photo {name} is missing, expected in scikit-learn. "
        "Install it again: pip install --force-reinstall scikit-learn"
    )


def _save(shot: _Shot, picture: Image.Image, path: Path) -> None:
    left, top, right, bottom = shot.part
    width, height = picture.size
    picture = picture.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )
    if shot.scale != 1:
        picture = picture.resize([round(side * shot.scale) for side in picture.size])
    picture = ImageEnhance.Brightness(picture).enhance(shot.brightness)
    picture = ImageEnhance.Color(picture).enhance(shot.color)
    if shot.orientation == _TURN_CLOCKWISE:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    picture.save(path, quality=shot.quality, exif=_exif(shot))


def _exif(shot: _Shot) -> Image.Exif:
    exif = Image.Exif()
    if shot.orientation != _UPRIGHT:
        exif[ExifTags.Base.Orientation] = shot.orientation
    if shot.taken:
        moment = datetime.fromisoformat(shot.taken)
        tags = exif.get_ifd(ExifTags.IFD.Exif)
        tags[ExifTags.Base.DateTimeOriginal] = moment.strftime("%Y:%m:%d %H:%M:%S")
        if moment.microsecond:
            tags[ExifTags.Base.SubsecTimeOriginal] = f"{moment.microsecond // 1000:03}"
        if moment.tzinfo is not None:
            tags[ExifTags.Base.OffsetTimeOriginal] = moment.isoformat()[-6:]
    return exif


def where_to_look(result: Result, photos: Path) -> str:
    """Return a guide to the result of the demo.

    Parameters
    ----------
    result : Result
        The result of organizing the demo photos with the default options.
    photos : Path
        The folder of the demo photos.

    Returns
    -------
    str
        Several lines, with the numbers of the result.
    """
    rows = {row.path: row for row in result.rows}
    temple, grey = rows[_TEMPLE], rows[_GREY_DAHLIA]
    kept = [row for row in result.rows if row.is_photo and row.action == KEEP]
    views = sum(row.scene == temple.scene for row in kept)
    copies = sum(row.keeper == _DAHLIA for row in result.rows if row.is_photo)
    others = ", ".join(row.path for row in result.rows if row.action == OTHER)
    threshold = inspect.signature(organize).parameters["duplicate_threshold"].default
    return f"""
Where to look in {result.report.parent}:
  {temple.destination}
      is the first of the {views} views of the temple; the others come right after it.
  remove/
      holds {copies} copies of the dahlia, each under the name of the photo that stays. The grey
      one stays with the dahlia's scene: its cosine is {grey.nearest_cosine:.2f}, and duplicates \
begin at {threshold:.2f}.
  other/
      holds what is no readable photo: {others}
  report.csv
      says what happened to every file, and why: open it in a spreadsheet.

The photos themselves are unchanged, in {photos}.
Now your own: dupimg organize YOUR_PHOTOS NEW_FOLDER"""
