"""Pictures that Pillow alone refuses or shows wrong."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image
from sklearn.datasets import load_sample_image

from dupimg.files.images import UnreadablePhoto, read_header, read_photo

PHOTO = load_sample_image("china.jpg")[:400, :600]
DEEP = PHOTO.astype(np.uint16) * 257
GREY = DEEP[..., 1]
ALPHA = np.full((400, 600, 1), 65535, np.uint16)


def difference(path, expected):
    """Return the mean difference of a file from a picture, in grey levels."""
    shown = read_photo(path, 5000).resize((60, 40), Image.Resampling.BOX)
    wanted = Image.fromarray(expected).convert("RGB").resize((60, 40), Image.Resampling.BOX)
    return np.abs(np.asarray(shown, float) - np.asarray(wanted, float)).mean()


@pytest.mark.parametrize(
    ("array", "options", "expected"),
    [
        pytest.param(
            DEEP.transpose(2, 0, 1),
            {"photometric": "rgb", "planarconfig": "separate"},
            PHOTO,
            id="16 bits in planes",
        ),
        pytest.param(
            np.dstack([DEEP, ALPHA]).transpose(2, 0, 1),
            {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["unassalpha"]},
            PHOTO,
            id="16 bits in planes with transparency",
        ),
        pytest.param(65535 - GREY, {"photometric": "miniswhite"}, PHOTO[..., 1], id="negative"),
        pytest.param(
            (255 - PHOTO[..., 1]), {"photometric": "miniswhite"}, PHOTO[..., 1], id="8 bits"
        ),
        pytest.param(
            PHOTO.astype(np.float32) / 255, {"photometric": "rgb"}, PHOTO, id="floats up to 1"
        ),
        pytest.param(PHOTO.astype(np.float32), {"photometric": "rgb"}, PHOTO, id="floats to 255"),
        pytest.param(
            (PHOTO / 255).astype(np.float16),
            {"photometric": "rgb", "compression": "zlib"},
            PHOTO,
            id="half floats",
        ),
    ],
)
def test_deep_tiff_is_shown_as_it_is(tmp_path, array, options, expected):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **options)
    header = read_header(path)
    assert (header.format, header.width, header.height) == ("TIFF", 600, 400)
    assert difference(path, expected) < 2


def test_a_deep_tiff_is_turned_upright(tmp_path):
    path = tmp_path / "a.tif"
    for array in (DEEP.transpose(2, 0, 1), (PHOTO / 255).astype(np.float32).transpose(2, 0, 1)):
        turned = np.rot90(array, axes=(1, 2))  # orientation 6 undoes it
        more = {"photometric": "rgb", "planarconfig": "separate"}
        tifffile.imwrite(path, turned, **more, extratags=[(274, "H", 1, 6, True)])
        assert (read_header(path).width, read_header(path).height) == (600, 400)
        assert difference(path, PHOTO) < 2


def test_a_deep_tiff_of_other_colours_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP.astype(np.float32) / 65535, photometric="cielab")
    with pytest.raises(UnreadablePhoto, match="TIFF"):
        read_photo(path, 100)


def test_a_deep_tiff_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    content = path.read_bytes()
    for length in (20, 300, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(UnreadablePhoto):
            read_photo(path, 100)


@pytest.mark.parametrize("format", ["TGA", "ICO"])
def test_targa_and_icons_are_read(tmp_path, format):
    path = tmp_path / "a"
    photo = Image.fromarray(PHOTO).resize((240, 160))
    photo.save(path, format, **({"sizes": [(240, 160)]} if format == "ICO" else {}))
    assert read_header(path).format == format
    assert difference(path, PHOTO) < 3


def with_crop_box(avif: bytes, *numbers: int) -> bytes:
    """Return an AVIF file as Pillow writes it, with a crop box for its picture."""
    content = bytearray(avif)
    box = struct.pack(">I4sIIIIiIiI", 40, b"clap", *numbers)
    ipco, ipma = content.index(b"ipco") - 4, content.index(b"ipma") - 4
    (ipco_size,) = struct.unpack_from(">I", content, ipco)
    properties, at = 0, ipco + 8
    while at < ipco + ipco_size:
        properties, at = properties + 1, at + struct.unpack_from(">I", content, at)[0]
    entry = ipma + 16  # of the only item: its number, how many properties it has
    content[entry + 2] += 1
    content.insert(entry + 3, 0x80 | (properties + 1))
    content[at:at] = box
    for name, more in ((b"ipco", 40), (b"ipma", 1), (b"iprp", 41), (b"meta", 41)):
        place = content.index(name) - 4
        content[place : place + 4] = struct.pack(
            ">I", struct.unpack_from(">I", content, place)[0] + more
        )
    iloc = content.index(b"iloc") + 4
    version = content[iloc]
    # After the version, the sizes of numbers, the count of items and the item's numbers.
    place = iloc + 4 + 2 + 2 + {0: 2 + 2, 1: 2 + 2 + 2}[version] + 2
    (offset,) = struct.unpack_from(">I", content, place)
    content[place : place + 4] = struct.pack(">I", offset + 41)
    return bytes(content)


@pytest.mark.parametrize(
    ("numbers", "box"),
    [
        ((200, 1, 100, 1, 0, 1, 0, 1), (200, 150, 400, 250)),
        ((200, 1, 100, 1, -100, 2, 30, 1), (150, 180, 350, 280)),
        ((700, 1, 100, 1, 0, 1, 0, 1), (0, 0, 600, 400)),  # outside of the picture
        ((200, 0, 100, 1, 0, 1, 0, 1), (0, 0, 600, 400)),
    ],
)
def test_the_crop_box_of_avif_counts(tmp_path, numbers, box):
    whole = io.BytesIO()
    photo = Image.fromarray(PHOTO)
    photo.save(whole, "AVIF", quality=90)
    path = tmp_path / "a.avif"
    path.write_bytes(with_crop_box(whole.getvalue(), *numbers))
    expected = photo.crop(box)
    assert (read_header(path).width, read_header(path).height) == expected.size
    shown = read_photo(path, 5000)
    assert shown.size == expected.size
    assert np.abs(np.asarray(shown, float) - np.asarray(expected, float)).mean() < 6
