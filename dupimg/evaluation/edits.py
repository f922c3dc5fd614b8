"""What people and programs do to photos, to measure which copies are still recognized."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

# Pixels of the shorter side of the originals that are edited, if they have as many.
SIZE = 768


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
    """Show the photo as a viewer does: on black, a line of buttons below, a status line above."""
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


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed to quality 10": Image.Image.copy,
    "resized to 1/8": partial(_resize, factor=1 / 8),
    "cropped by 10 %": partial(_crop, share=0.1),
    "cropped by 20 %": partial(_crop, share=0.2),
    "cropped by 30 %": partial(_crop, share=0.3),
    "bars added": _add_bars,
    "caption added": _add_caption,
    "screenshot": _screenshot,
    "grey": ImageOps.grayscale,
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.4),
    "mirrored": ImageOps.mirror,
    "rotated by 90°": lambda photo: photo.transpose(Image.Transpose.ROTATE_90),
}


def save_edit(photo: Image.Image, edit: str, path: Path) -> None:
    """Edit a photo and save it as JPEG.

    Parameters
    ----------
    photo : Image
        In mode RGB.
    edit : str
        A key of ``EDITS``.
    path : Path
    """
    EDITS[edit](photo).save(path, "JPEG", quality=10 if "quality 10" in edit else 90)
