"""Make edited copies of photos, to measure which copies are still recognized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from dupimg.files.images import UnreadablePhoto, read_photo
from dupimg.groups.copies import COPY, CROPPED_COPY, EDITED_COPY

# Originals are reduced to this shorter side in pixels before they are edited.
SIZE = 768

# Most photos to edit: a hundred take about a minute.
_MOST_ORIGINALS = 100

# Name of the set of edited copies.
EDITED = "edits"


@dataclass(frozen=True)
class Edit:
    """An edit of a photo, and the expected judgement of the copy.

    Attributes
    ----------
    make : callable
    verdicts : tuple of str
        The verdicts that are right for it.
    original_stays : bool
        Whether the copy loses something, so that the original must not go for it.
    both_stay : bool
        Whether the copy adds something, so that neither may go.
    """

    make: Callable[[Image.Image], Image.Image]
    verdicts: tuple[str, ...] = (COPY,)
    original_stays: bool = True
    both_stay: bool = False


def _crop(photo: Image.Image, share: float) -> Image.Image:
    left, top = round(photo.width * share / 2), round(photo.height * share / 2)
    return photo.crop((left, top, photo.width - left, photo.height - top))


def _add_bars(photo: Image.Image) -> Image.Image:
    return ImageOps.expand(photo, (0, photo.height // 8), "black")


def _add_caption(photo: Image.Image) -> Image.Image:
    captioned = photo.copy()
    font = ImageFont.load_default(size=photo.height // 10)
    place = (photo.width // 2, photo.height * 9 // 10)
    ImageDraw.Draw(captioned).text(
        place, "WISH YOU WERE HERE", "white", font, "mm", stroke_width=2, stroke_fill="black"
    )
    return captioned


def _screenshot(photo: Image.Image) -> Image.Image:
    """Imitate a screenshot of a viewer: black bars, a status line above, buttons below."""
    height = photo.height // 10
    screen = ImageOps.expand(photo, (height, 2 * height), "black")
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, screen.width, height // 2), "grey")
    for place in range(1, 5):
        x, y = screen.width * place // 5, screen.height - height
        draw.ellipse((x - height // 4, y - height // 4, x + height // 4, y + height // 4), "white")
    return screen


def _resize(photo: Image.Image, factor: float) -> Image.Image:
    return photo.resize((max(1, round(photo.width * factor)), max(1, round(photo.height * factor))))


_PART = (COPY, CROPPED_COPY)

EDITS: dict[str, Edit] = {
    "recompressed to quality 10": Edit(Image.Image.copy),
    "resized to 1/8": Edit(partial(_resize, factor=1 / 8)),
    "cropped by 10 %": Edit(partial(_crop, share=0.1), _PART),
    "cropped by 20 %": Edit(partial(_crop, share=0.2), _PART),
    "cropped by 30 %": Edit(partial(_crop, share=0.3), _PART),
    "bars added": Edit(_add_bars, _PART),
    "caption added": Edit(_add_caption, (EDITED_COPY,), both_stay=True),
    "screenshot": Edit(_screenshot, _PART),
    "grey": Edit(ImageOps.grayscale),
    "brighter": Edit(
        lambda photo: ImageEnhance.Brightness(photo).enhance(1.4), original_stays=False
    ),
    "mirrored": Edit(ImageOps.mirror, original_stays=False),
    "rotated by 90°": Edit(
        lambda photo: photo.transpose(Image.Transpose.ROTATE_90), original_stays=False
    ),
}


def save_edit(photo: Image.Image, edit: str, path: Path) -> None:
    """Edit a photo and save it as JPEG.

    Parameters
    ----------
    photo : Image
        In mode RGB.
    edit : str
        A key of `EDITS`.
    path : Path
    """
    EDITS[edit].make(photo).save(path, "JPEG", quality=10 if "quality 10" in edit else 90)


def make_edits(
    originals: pd.DataFrame, folder: Path, into: Path, *, max_pixels: int
) -> pd.DataFrame:
    """Make an edited copy of photos for each of `EDITS`.

    Parameters
    ----------
    originals : DataFrame
        Labels of photos, indexed by path. Of more than a hundred an even selection is edited;
        unreadable ones are skipped.
    folder : Path
        The base of their paths.
    into : Path
        Empty folder to write the edited copies to.
    max_pixels : int
        Largest number of pixels of an original.

    Returns
    -------
    DataFrame
        Labels of the edited copies: `set` is ``edits``, `kind` the edit and `original` the path of
        the edited photo.
    """
    n_chosen = min(len(originals), _MOST_ORIGINALS)
    chosen = np.linspace(0, len(originals) - 1, n_chosen).round().astype(int)
    rows: list[dict[str, str]] = []
    for number, (path, group) in enumerate(originals["group"].iloc[chosen].items()):
        try:
            photo = read_photo(folder / str(path), SIZE, max_pixels=max_pixels)
        except UnreadablePhoto:
            continue
        for place, edit in enumerate(EDITS):
            edited = into.absolute() / f"{number}-{place}.jpg"
            save_edit(photo, edit, edited)
            names = {"path": edited.as_posix(), "original": path, "group": group}
            rows.append(names | {"kind": edit, "set": EDITED, "folder": "", "related_group": ""})
    columns = ["path", "original", "group", "kind", "set", "folder", "related_group"]
    return pd.DataFrame(rows, columns=columns).set_index("path")
