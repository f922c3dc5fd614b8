"""A folder of photos to try dupimg on: made of sample photos that other packages carry.

The photos are real ones of scikit-learn and scikit-image. Views of a scene are overlapping parts
of one of them; copies are what phones, messengers and editors make of a photo.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image, ImageEnhance

from dupimg.errors import UsageError
from dupimg.options.run_options import OrganizeOptions
from dupimg.options.tool_options import DemoOptions
from dupimg.plans.rows import KEEP, OTHER
from dupimg.runs.organize import organize
from dupimg.runs.result import Result

_SAMPLE_FOLDERS = {"sklearn": "datasets/images", "skimage": "data"}

# Time of the first file, in seconds: 2024-06-01 10:00 UTC; each next file is a minute younger.
_FIRST_FILE_TIME = 1_717_236_000

_UPRIGHT, _TURN_CLOCKWISE = 1, 6  # values of the EXIF orientation tag


@dataclass(frozen=True)
class _Shot:
    """One photo of the demo.

    Attributes
    ----------
    path : str
        Relative to the folder; the extension says the format.
    sample : str
        File name of the sample photo that it shows.
    taken : str
        Capture time for the EXIF data, ISO 8601; empty for a photo without.
    part : tuple of 4 floats
        Left, top, right and bottom of the part that it shows, in fractions of the sample.
    scale, brightness, color : float
        Factors; color 0 is grey.
    quality : int
        Of JPEG and WebP.
    orientation : int
        EXIF orientation tag; the pixels are stored so that it makes the photo upright.
    """

    path: str
    sample: str
    taken: str = ""
    part: tuple[float, float, float, float] = (0, 0, 1, 1)
    scale: float = 1.0
    brightness: float = 1.0
    color: float = 1.0
    quality: int = 92
    orientation: int = _UPRIGHT


_LEFT, _RIGHT = (0, 0, 0.7, 1), (0.3, 0, 1, 1)
_TOP_LEFT, _TOP_RIGHT = (0, 0, 0.75, 0.75), (0.35, 0, 1, 0.65)
_BOTTOM, _BOTTOM_LEFT, _CLOSER = (0, 0.3, 1, 1), (0, 0.35, 0.65, 1), (0.2, 0.2, 0.8, 0.8)

_TEMPLE = "2019 Beijing/IMG_2041.JPG"
_IDENTICAL_COPY = "Cat/copy of DSC_0412.JPG"
_WHOLE, _TRUNCATED = "Garden/P1000219.JPG", "Garden/P1000220.JPG"
_CAT, _GREY_CAT = "Cat/DSC_0412.JPG", "Cat/DSC_0412 grey.jpg"

_SHOTS = (
    _Shot(_TEMPLE, "china.jpg", "2019-10-03T09:12:44.310"),
    _Shot("2019 Beijing/IMG_2042.JPG", "china.jpg", "2019-10-03T09:12:51.080", _LEFT),
    _Shot("2019 Beijing/IMG_2043.JPG", "china.jpg", "2019-10-03T09:13:20.770", _TOP_RIGHT),
    _Shot("2019 Beijing/IMG_2044.JPG", "china.jpg", "2019-10-03T09:14:02.450", _CLOSER),
    _Shot("2019 Beijing/IMG_2041 (1).JPG", "china.jpg", "2019-10-03T09:12:44", quality=75),
    _Shot("2019 Beijing/IMG_2041 brighter.JPG", "china.jpg", brightness=1.2, quality=88),
    _Shot("WhatsApp Images/IMG-20191003-WA0007.jpg", "china.jpg", scale=0.5, quality=75),
    _Shot(_CAT, "chelsea.png", "2020-02-14T18:21:07.120+01:00"),
    _Shot("Cat/DSC_0413.JPG", "chelsea.png", "2020-02-14T18:21:09.640+01:00", _TOP_RIGHT),
    _Shot("Cat/DSC_0414.JPG", "chelsea.png", "2020-02-14T18:21:12.020+01:00", _CLOSER),
    _Shot("Cat/DSC_0412 bright.webp", "chelsea.png", brightness=1.15, quality=85),
    _Shot(_GREY_CAT, "chelsea.png", color=0),
    _Shot("WhatsApp Images/IMG-20200214-WA0001.jpg", "chelsea.png", scale=0.6, quality=85),
    _Shot(
        "Camera/PXL_20210605_081502.jpg",
        "coffee.png",
        "2021-06-05T08:15:02+02:00",
        orientation=_TURN_CLOCKWISE,
    ),
    _Shot("Camera/PXL_20210605_081510.jpg", "coffee.png", "2021-06-05T08:15:10+02:00", _LEFT),
    _Shot("Camera/PXL_20210605_081533.jpg", "coffee.png", "2021-06-05T08:15:33+02:00", _CLOSER),
    _Shot("Camera/PXL_20210605_081502~2.jpg", "coffee.png", quality=50),
    _Shot("Camera/Screenshot_20210606.png", "coffee.png", scale=0.7),
    _Shot("Launch/IMG_5501.JPG", "rocket.jpg", "2014-12-30T21:04:18.200"),
    _Shot("Launch/IMG_5502.JPG", "rocket.jpg", "2014-12-30T21:04:19.700", _RIGHT),
    _Shot("Launch/IMG_5503.JPG", "rocket.jpg", "2014-12-30T21:04:25.100", _TOP_LEFT),
    _Shot("Launch/IMG_5501 for the wall.webp", "rocket.jpg", brightness=1.3, quality=90),
    _Shot("Garage/DSCN7001.JPG", "motorcycle_left.png", "2014-06-11T15:30:00"),
    _Shot("Garage/DSCN7002.JPG", "motorcycle_right.png", "2014-06-11T15:30:04"),
    _Shot("Garage/DSCN7003.JPG", "motorcycle_left.png", "2014-06-11T15:31:40", _CLOSER),
    _Shot("Garage/DSCN7001 vivid.JPG", "motorcycle_left.png", color=1.4, quality=85),
    _Shot("Garden/P1000217.JPG", "flower.jpg", "2011-08-19T11:02:33"),
    _Shot("Garden/P1000218.JPG", "flower.jpg", "2011-08-19T11:02:50", _CLOSER),
    _Shot(_WHOLE, "flower.jpg", "2011-08-19T11:03:11", _BOTTOM_LEFT),
    _Shot("Garden/wallpaper.png", "flower.jpg", scale=0.75),
    _Shot("Scans/Portrait.jpg", "astronaut.png", quality=95),
    _Shot("Scans/Portrait cut.jpg", "astronaut.png", part=_TOP_LEFT),
    _Shot("Scans/thumbnail.jpg", "astronaut.png", scale=0.4, quality=85),
    _Shot("Scans/Stars.jpg", "hubble_deep_field.jpg", quality=90),
    _Shot("Scans/Stars, lower half.jpg", "hubble_deep_field.jpg", part=_BOTTOM_LEFT),
    _Shot("Scans/Stars.webp", "hubble_deep_field.jpg", scale=0.6),
    _Shot("Scans/Photographer.png", "camera.png"),
    _Shot("Scans/Coins.jpg", "coins.png"),
    _Shot("Camera/PXL_20210719_214400.jpg", "moon.png", "2021-07-19T21:44:00+02:00"),
    _Shot("Camera/PXL_20210801_093012.jpg", "brick.png", "2021-08-01T09:30:12+02:00"),
)

_TEXTS = {
    "Garden/notes.txt": "Dahlias: water them every evening.\n",
    "Cat/DSC_0412.xmp": (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>\n'
    ),
}


def run_demo(options: DemoOptions) -> int:
    """Make a folder of photos, organize it and say where to look.

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
        The output folder is not empty, or the sample photos are not installed.
    """
    folder = options.output_dir
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(
            f"Got output_dir={folder}, which is not empty, expected a new or an empty folder. "
            "Choose another one: `dupimg demo NEW_FOLDER`."
        )
    photos = folder / "photos"
    make_photos(photos)
    choices = OrganizeOptions(input_dir=photos, output_dir=folder / "sorted", quiet=options.quiet)
    result = organize(choices)
    if not options.quiet:
        print(result.summary())
        print(where_to_look(result, choices))
    return 1 if result.failures else 0


def make_photos(folder: Path) -> None:
    """Fill a folder with the photos and the other files of the demo.

    Parameters
    ----------
    folder : Path
        Created if it does not exist. The same library versions write the same bytes.

    Raises
    ------
    UsageError
        The sample photos are not installed; nothing was written.
    """
    samples = {name: _find_sample(name) for name in sorted({shot.sample for shot in _SHOTS})}
    for shot in _SHOTS:
        path = folder / shot.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _save(shot, samples[shot.sample], path)
    shutil.copyfile(folder / _CAT, folder / _IDENTICAL_COPY)
    # As if the memory card had been pulled out too early.
    whole = (folder / _WHOLE).read_bytes()
    (folder / _TRUNCATED).write_bytes(whole[: len(whole) // 3])
    for name, text in _TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    written = [*(shot.path for shot in _SHOTS), _IDENTICAL_COPY, _TRUNCATED, *_TEXTS]
    for minute, name in enumerate(written):
        os.utime(folder / name, (_FIRST_FILE_TIME + 60 * minute,) * 2)


def _find_sample(name: str) -> Path:
    for package, subfolder in _SAMPLE_FOLDERS.items():
        # Found without importing: importing scikit-image takes a second.
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            if (path := Path(location) / subfolder / name).is_file():
                return path
    raise UsageError(
        f"The sample photo {name} is missing, expected in scikit-learn or scikit-image. "
        "Install both: pip install --force-reinstall scikit-learn scikit-image"
    )


def _save(shot: _Shot, sample: Path, path: Path) -> None:
    with Image.open(sample) as opened:
        width, height = opened.size
        left, top, right, bottom = shot.part
        picture = opened.crop(
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


def where_to_look(result: Result, options: OrganizeOptions) -> str:
    """Say where the result is and what there is to notice in it.

    Parameters
    ----------
    result : Result
        Of organizing the folder that `make_photos` filled.
    options : OrganizeOptions
        With which that was done.

    Returns
    -------
    str
        Several lines; all numbers are those of the result.
    """
    rows = {row.path: row for row in result.rows}
    temple, grey = rows[_TEMPLE], rows[_GREY_CAT]
    photos = [row for row in result.rows if row.width is not None]
    views = sum(row.action == KEEP and row.scene == temple.scene for row in photos)
    copies = sum(row.keeper == _CAT for row in photos)
    others = ", ".join(row.path for row in result.rows if row.action == OTHER)
    return f"""
Where to look in {result.report.parent}:
  {temple.destination}
      is the first of the {views} views of the temple; the others come right after it.
  remove/
      holds {copies} copies of the cat, each under the name of the photo that stays. The grey one
      stays with the cat's scene: its cosine is {grey.nearest_cosine:.2f}, and duplicates begin at \
{options.duplicate_threshold:.2f}.
  other/
      holds what is no readable photo: {others}
  report.csv
      says what happened to every file, and why: open it in a spreadsheet.

The photos themselves are unchanged, in {options.input_dir}.
Now your own: dupimg organize YOUR_PHOTOS NEW_FOLDER"""
