"""Draw the pictures of the demo with NumPy: wide places and single things.

Every function is deterministic. The demo cuts overlapping views from the wide places.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Canvas = NDArray[np.float64]  # shape (height, width, 3), 0 to 255
Plane = NDArray[np.float64]  # a value for each pixel
Colour = tuple[float, float, float]

_WIDTH, _HEIGHT = 960, 640
_ROWS, _COLUMNS = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float64)

# Standard deviation of the simulated sensor noise, in grey values.
_GRAIN = 3.0


def _sky(*colours: Colour) -> Canvas:
    """Return a vertical gradient of colours."""
    stops = np.linspace(0, _HEIGHT - 1, len(colours))
    column = [
        np.interp(np.arange(_HEIGHT), stops, channel) for channel in zip(*colours, strict=True)
    ]
    return np.repeat(np.stack(column, axis=-1)[:, None], _WIDTH, axis=1)


def _clouds(random: np.random.Generator, across: int, down: int, octaves: int = 5) -> Plane:
    """Return fractal noise from 0 to 1; `across` and `down` count its largest spots."""
    total = np.zeros((_HEIGHT, _WIDTH))
    for octave in range(octaves):
        grid = random.random((down * 2**octave + 1, across * 2**octave + 1)).astype(np.float32)
        smooth = Image.fromarray(grid).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) / 2**octave
    return (total - total.min()) / np.ptp(total)


def _ridge(random: np.random.Generator, height: float, rise: float, across: int = 4) -> Plane:
    """Return the row at which a mountain range begins in each column."""
    line = np.zeros(_WIDTH)
    for octave in range(7):
        spots = random.random(across * 2**octave + 1)
        line += (
            np.interp(np.linspace(0, 1, _WIDTH), np.linspace(0, 1, len(spots)), spots) / 2**octave
        )
    return height - rise * (line - line.min()) / np.ptp(line)


def _paint(canvas: Canvas, mask: Plane, colour: Canvas | Colour) -> None:
    """Blend a colour in, weighted by a mask from 0 to 1."""
    canvas += np.clip(mask, 0, 1)[..., None] * (np.asarray(colour) - canvas)


def _below(line: Plane) -> Plane:
    return _ROWS - line + 0.5


def _window(canvas: Canvas, x: float, y: float, size: float) -> tuple[Canvas, Plane, Plane]:
    """Return a view of the canvas around a point, and the offsets of its pixels from the point."""
    top, left = max(int(y - size), 0), max(int(x - size), 0)
    place = np.s_[top : max(int(y + size), 0), left : max(int(x + size), 0)]
    return canvas[place], _COLUMNS[place] - x, _ROWS[place] - y


def _fir(canvas: Canvas, x: int, foot: int, tall: int, colour: Colour) -> None:
    """Paint a fir tree that stands at a point."""
    view, right, below = _window(canvas, x, foot, tall)
    wide = np.clip((below + tall) * 0.24, 0, None) * (0.7 + 0.3 * np.sin((below + foot) / 4))
    _paint(view, np.where(below < 0, wide - np.abs(right), 0), colour)


def _glow(x: float, y: float, size: float) -> Plane:
    return np.exp(-((_COLUMNS - x) ** 2 + (_ROWS - y) ** 2) / (2 * size**2))


def _finish(canvas: Canvas | Image.Image, random: np.random.Generator) -> Image.Image:
    """Add sensor noise."""
    pixels = np.asarray(canvas, dtype=np.float64)
    return Image.fromarray(
        np.clip(pixels + random.normal(0, _GRAIN, pixels.shape), 0, 255).astype(np.uint8)
    )


def mountains() -> Image.Image:
    """Draw mountains behind a lake at sunrise."""
    random = np.random.default_rng(1)
    canvas = _sky((88, 120, 176), (246, 178, 142), (255, 226, 170), (255, 226, 170))
    _paint(canvas, 1.2 * _glow(620, 235, 120), (255, 236, 180))
    _paint(canvas, 14 - np.hypot(_COLUMNS - 620, _ROWS - 235) / 2, (255, 250, 226))
    for depth, (height, rise) in enumerate([(330, 150), (370, 170), (410, 150), (440, 110)]):
        far = np.array([150, 140, 168]) - depth * np.array([34, 28, 28])
        haze = np.clip((_ROWS - height + rise) / rise, 0, 1)[..., None] * [40, 26, 10]
        _paint(canvas, _below(_ridge(random, height, rise)), far + haze)
    shore, ripple = 440, _clouds(random, 8, 60, 3)
    mirrored = canvas[np.clip(2 * shore - np.arange(shore, _HEIGHT), 0, _HEIGHT - 1)]
    shift = (24 * (ripple[shore:] - 0.5)).astype(int)
    columns = np.clip(_COLUMNS[shore:].astype(int) + shift, 0, _WIDTH - 1)
    canvas[shore:] = 0.82 * mirrored[np.arange(_HEIGHT - shore)[:, None], columns] + 12
    for x, tall in random.integers((0, 60), (300, 190), (14, 2)).tolist():
        _fir(canvas, x, _HEIGHT, tall, (16, 26, 30))
    return _finish(canvas, random)


def city() -> Image.Image:
    """Draw a skyline at night, and its lights in the water."""
    random = np.random.default_rng(2)
    canvas = _sky((10, 14, 40), (28, 30, 74), (92, 60, 96), (120, 80, 90))
    _paint(canvas, 0.9 * _glow(170, 110, 60), (110, 110, 150))
    _paint(canvas, 30 - np.hypot(_COLUMNS - 170, _ROWS - 110), (244, 240, 214))
    quay = 430
    for layer, shade in ((0, (30, 28, 62)), (1, (16, 17, 38))):
        x = -20
        while x < _WIDTH:
            wide, tall = int(random.integers(34, 92)), int(random.integers(70, 300 - 70 * layer))
            canvas[quay - tall : quay, max(x, 0) : x + wide] = shade
            for left in range(x + 6, x + wide - 8, 11):
                for top in range(quay - tall + 8, quay - 8, 15):
                    if left > 0 and random.random() < 0.42:
                        light = random.choice([[255, 214, 130], [255, 238, 190], [190, 220, 255]])
                        canvas[top : top + 8, left : left + 6] = light * random.uniform(0.5, 1)
            x += wide + int(random.integers(0, 14))
    water = canvas[quay - 1 : quay - 1 - (_HEIGHT - quay) : -1]
    blurred = (
        Image.fromarray(water.astype(np.uint8))
        .resize((_WIDTH, 14))
        .resize((_WIDTH, _HEIGHT - quay))
    )
    waves = 0.55 + 0.3 * _clouds(random, 10, 80, 3)[quay:, :, None]
    canvas[quay:] = waves * np.asarray(blurred) + [6, 8, 22]
    canvas[quay - 3 : quay + 2] = (60, 48, 44)
    return _finish(canvas, random)


def balloons() -> Image.Image:
    """Draw hot-air balloons over hills."""
    random = np.random.default_rng(3)
    canvas = _sky((58, 128, 206), (120, 182, 232), (214, 234, 244), (214, 234, 244))
    _paint(canvas, 1.6 * _clouds(random, 3, 5) - 0.75, (250, 250, 252))
    for depth, height in enumerate((480, 530, 590)):
        grass = _clouds(random, 30, 24, 3)[..., None] * 50 + [60 - 8 * depth, 120 - 14 * depth, 46]
        _paint(canvas, _below(_ridge(random, height, 60, 2)), grass)
    places = [
        (230, 210, 112),
        (560, 150, 78),
        (790, 290, 96),
        (430, 350, 46),
        (680, 420, 30),
        (90, 400, 34),
    ]
    coats = [
        ((214, 44, 52), (250, 206, 70)),
        ((38, 84, 178), (240, 240, 236)),
        ((246, 142, 32), (120, 40, 120)),
    ]
    for number, (x, y, size) in enumerate(places):
        view, right, below = _window(canvas, x, y, 2 * size)
        across, down = right / size, below / size
        round_top, tapered = (
            np.sqrt(np.clip(1 - down**2, 0, 1)),
            np.clip(1 - (down / 1.45) ** 2, 0, 1),
        )
        half = np.where(down < 0, round_top, tapered)
        inside = (half - np.abs(across)) * size
        stripe = np.floor(
            7 * np.arcsin(np.clip(across / np.maximum(half, 1e-3), -1, 1)) / np.pi + 50
        )
        coat = np.where((stripe % 2 == 0)[..., None], *coats[number % len(coats)])
        light = 1.05 - 0.4 * np.hypot(across + 0.4, down + 0.4)[..., None]
        _paint(view, np.where(down < 1.36, inside, 0), coat * np.clip(light, 0.4, 1.1))
        basket = 0.09 * size - np.maximum(np.abs(right), np.abs(below - 1.62 * size))
        _paint(view, basket, (92, 58, 34))
    return _finish(canvas, random)


def beach() -> Image.Image:
    """Draw umbrellas beside the sea, from above."""
    random = np.random.default_rng(5)
    shore = 330 + 34 * np.sin(_COLUMNS / 150) + 14 * np.sin(_COLUMNS / 47 + 1)
    depth = np.clip((shore - _ROWS) / 330, 0, 1)[..., None]
    sea = (1 - depth) * [118, 214, 206] + depth * [12, 92, 150]
    sand = [236, 212, 168] + 26 * (_clouds(random, 40, 30, 4)[..., None] - 0.5)
    canvas = np.where(
        (shore > _ROWS)[..., None], sea + 30 * (_clouds(random, 14, 10)[..., None] - 0.5), sand
    )
    for behind, width in ((0, 9), (46, 5), (104, 4)):
        edge = np.abs(_ROWS - shore + behind + 16 * (_clouds(random, 12, 8) - 0.5))
        _paint(canvas, 0.9 - edge / width, (252, 253, 250))
    coats = [
        ((226, 60, 54), (250, 246, 238)),
        ((32, 110, 190), (250, 246, 238)),
        ((250, 196, 40), (240, 120, 40)),
    ]
    for row in range(3):
        for column in range(8):
            x = 70 + 118 * column + random.integers(-18, 18)
            y = 430 + 78 * row + random.integers(-8, 8)
            view, right, below = _window(canvas, x, y, 60)
            _paint(view, 0.35 * (30 - np.hypot(right - 12, below - 10)), (120, 100, 76))
            away = np.hypot(right, below)
            segment = np.floor(4 * np.arctan2(below, right) / np.pi + 0.3) % 2 == 0
            coat = np.where(segment[..., None], *coats[random.integers(len(coats))])
            _paint(view, 28 - away, coat * (1 - 0.006 * away[..., None]))
    return _finish(canvas, random)


def northern_lights() -> Image.Image:
    """Draw curtains of light over snow."""
    random = np.random.default_rng(6)
    canvas = _sky((6, 10, 28), (12, 28, 48), (20, 52, 62), (20, 40, 60))
    stars = random.random((_HEIGHT, _WIDTH)) > 0.9988
    _paint(canvas, stars * random.uniform(0.4, 1, stars.shape), (236, 240, 255))
    for base, colour in ((300, (70, 240, 150)), (240, (60, 220, 180)), (200, (170, 90, 210))):
        foot = base + 60 * np.sin(_COLUMNS / 120 + base) + 26 * np.sin(_COLUMNS / 43)
        rays = 0.45 + 0.55 * _clouds(random, 46, 1, 3)
        height = np.where(foot > _ROWS, np.exp((_ROWS - foot) / 95), np.exp((foot - _ROWS) / 12))
        canvas += (0.75 * rays * height)[..., None] * np.array(colour)
    snow = 150 + 60 * _clouds(random, 6, 20)[..., None] * [0.8, 1.0, 1.0]
    _paint(canvas, _below(_ridge(random, 520, 70, 3)), 0.62 * snow * [0.72, 1.0, 0.98])
    for _ in range(26):
        x, foot, tall = random.integers((0, 490, 50), (_WIDTH, 620, 150)).tolist()
        _fir(canvas, x, foot, tall, (8, 22, 24))
    return _finish(canvas, random)


def marbles() -> Image.Image:
    """Draw glass balls on a table."""
    random = np.random.default_rng(7)
    canvas = _sky((118, 86, 62), (160, 118, 84), (184, 140, 100))
    canvas += 26 * (_clouds(random, 3, 60, 4)[..., None] - 0.5)
    for x, y, size in (
        (260, 250, 120),
        (520, 380, 150),
        (760, 240, 110),
        (360, 500, 80),
        (720, 510, 84),
        (560, 150, 66),
    ):
        view, right, below = _window(canvas, x, y, 2 * size)
        across, down = right / size, below / size
        shadow = (across - 24 / size) ** 2 + (down - 40 / size) ** 2
        _paint(view, 0.5 * np.exp(-(shadow**3)), (50, 34, 24))
        away = np.hypot(across, down)
        swirl = np.sin(6 * np.arctan2(down, across) + 7 * away + x)[..., None]
        coat = np.array(random.uniform(30, 230, 3)) + swirl * random.uniform(-70, 70, 3)
        light = 0.5 + 0.6 * np.sqrt(np.clip(1 - away**2, 0, 1))[..., None]
        _paint(view, (1 - away) * size, coat * light)
        shine = (across + 0.35) ** 2 + (down + 0.4) ** 2
        _paint(view, 1.3 * np.exp(-shine / 0.03), (255, 255, 255))
    return _finish(canvas, random)


def receipt() -> Image.Image:
    """Draw a slip of paper on a desk."""
    random = np.random.default_rng(8)
    picture = Image.fromarray(
        (np.array([70, 74, 80]) + 18 * _clouds(random, 60, 6, 3)[..., None]).astype(np.uint8)
    )
    paper = Image.new("RGB", (360, 560), (246, 244, 236))
    draw = ImageDraw.Draw(paper)
    lines = [
        "CAFE CENTRAL",
        "Main Street 12",
        "",
        "2 x Espresso      5.20",
        "1 x Apple cake    4.10",
    ]
    lines += ["1 x Lemonade      3.40", "", "TOTAL           12.70", "", "Thank you!"]
    for number, line in enumerate(lines):
        draw.text((36, 40 + 46 * number), line, fill=(40, 40, 46), font_size=24)
    for x in range(60, 300, 6):
        draw.rectangle((x, 500, x + random.integers(1, 5), 545), fill=(40, 40, 46))
    mask = Image.new("L", paper.size, 255).rotate(7, expand=True, resample=Image.Resampling.BICUBIC)
    turned = paper.rotate(7, expand=True, resample=Image.Resampling.BICUBIC)
    picture.paste(turned, (270, 4), mask)
    return _finish(picture, random)


def tiles() -> Image.Image:
    """Draw a wall of painted tiles."""
    random = np.random.default_rng(9)
    x, y = (_COLUMNS % 160 - 80) / 80, (_ROWS % 160 - 80) / 80
    petals = np.abs(x**2 + y**2 - 0.55 - 0.25 * np.cos(4 * np.arctan2(y, x)))
    canvas = np.full((_HEIGHT, _WIDTH, 3), (238.0, 236.0, 226.0))
    _paint(canvas, 1.4 - 9 * petals, (28, 72, 150))
    _paint(canvas, 3 - 12 * np.abs(np.hypot(x, y) - 0.22), (224, 160, 40))
    _paint(canvas, 6 - 20 * np.hypot(np.abs(x) - 1, np.abs(y) - 1), (28, 72, 150))
    _paint(canvas, 40 * (np.maximum(np.abs(x), np.abs(y)) - 0.97), (150, 146, 138))
    canvas *= 0.82 + 0.25 * _clouds(random, 3, 3)[..., None]
    return _finish(canvas, random)


def forest() -> Image.Image:
    """Draw birches in autumn."""
    random = np.random.default_rng(10)
    canvas = _sky((214, 196, 120), (226, 160, 60), (150, 92, 40), (84, 58, 32))
    canvas += 120 * (_clouds(random, 12, 9, 6)[..., None] - 0.5) * [1.0, 0.8, 0.4]
    scars = 120 * (_clouds(random, 90, 50, 2) > 0.74)
    for depth in range(3):
        for _ in range(7):
            x, wide = int(random.integers(0, _WIDTH)), 5 + 9 * depth + int(random.integers(0, 6))
            place = np.s_[: 480 + 60 * depth, max(x - wide - 8, 0) : x + wide + 8]
            rows, columns = _ROWS[place], _COLUMNS[place]
            across = (columns - x - 6 * np.sin(rows / 90 + x)) / wide
            bark = 216 - 26 * (2 - depth) - 60 * np.clip(across, -1, 1) - scars[place]
            _paint(canvas[place], (1 - np.abs(across)) * wide, bark[..., None] * [1, 0.98, 0.92])
    leaves = _clouds(random, 80, 54, 3) > 0.68
    _paint(canvas, 0.85 * (leaves & (300 * _clouds(random, 5, 2) + 330 < _ROWS)), (222, 120, 30))
    return _finish(canvas, random)


PICTURES: dict[str, Callable[[], Image.Image]] = {
    picture.__name__: picture
    for picture in (
        mountains,
        city,
        balloons,
        beach,
        northern_lights,
        marbles,
        receipt,
        tiles,
        forest,
    )
}
