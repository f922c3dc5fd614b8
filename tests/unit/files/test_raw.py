import importlib.util
import io
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dupimg.files.images import UnreadablePhoto, read_header, read_photo

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
CODES = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "II", SRATIONAL: "ii"}
RGB, YCBCR, MOSAIC = 2, 6, 32803
WHOLE, REDUCED = 0, 1
JPEG, UNCOMPRESSED = 7, 1

CAMERA = {
    271: (ASCII, *b"Acme\0"),
    272: (ASCII, *b"Acme One\0"),
    306: (ASCII, *b"2025:06:14 10:00:00\0"),
}
CAPTURE_TIME = {36867: (ASCII, *b"2025:06:13 23:07:56\0"), 37521: (ASCII, *b"444\0")}
DNG = {
    50706: (BYTE, 1, 4, 0, 0),
    50708: (ASCII, *b"Acme One\0"),
    50721: (SRATIONAL, *(1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)),
    50728: (RATIONAL, *(1, 1, 1, 1, 1, 1)),
}


@pytest.fixture(scope="module")
def china():
    folder = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    with Image.open(Path(folder, "datasets", "images", "china.jpg")) as photo:
        return photo.convert("RGB").crop((0, 0, 640, 424))


class TiffFile:
    """Grows by data and directories; each `add` returns where it has put them."""

    def __init__(self):
        self.content = bytearray(b"II*\0" + bytes(4))

    def add(self, data):
        offset = len(self.content)
        self.content += data + bytes(len(data) % 2)
        return offset

    def add_directory(self, tags):
        entries, beyond = b"", b""
        end = len(self.content) + 2 + 12 * len(tags) + 4
        for tag, (kind, *values) in sorted(tags.items()):
            code = CODES[kind]
            count = len(values) // len(code)
            data = struct.pack("<" + code * count, *values)
            if len(data) > 4:
                data, beyond = struct.pack("<I", end + len(beyond)), beyond + data
                beyond += bytes(len(beyond) % 2)
            entries += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
        return self.add(struct.pack("<H", len(tags)) + entries + bytes(4) + beyond)

    def add_pixels(self, data, size, kind, *, photometric, compression=UNCOMPRESSED, bits=(8,) * 3):
        """Add what a directory holds; return its tags."""
        return {
            254: (LONG, kind),
            256: (LONG, size[0]),
            257: (LONG, size[1]),
            258: (SHORT, *bits),
            259: (SHORT, compression),
            262: (SHORT, photometric),
            273: (LONG, self.add(data)),
            277: (SHORT, len(bits)),
            278: (LONG, size[1]),
            279: (LONG, len(data)),
        }

    def add_mosaic(self, photo):
        rgb = np.asarray(photo, np.uint16) * 200
        mosaic = np.empty(rgb.shape[:2], "<u2")
        for (y, x), colour in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
            mosaic[y::2, x::2] = rgb[y::2, x::2, colour]
        tags = self.add_pixels(mosaic.tobytes(), photo.size, WHOLE, photometric=MOSAIC, bits=(16,))
        return tags | {33421: (SHORT, 2, 2), 33422: (BYTE, 0, 1, 1, 2), 50717: (LONG, 51000)}

    def add_preview(self, photo):
        jpeg = io.BytesIO()
        photo.save(jpeg, "JPEG", quality=90)
        return self.add_pixels(
            jpeg.getvalue(), photo.size, REDUCED, photometric=YCBCR, compression=JPEG
        )

    def add_thumbnail(self, photo):
        small = photo.resize((64, 42))
        return self.add_pixels(small.tobytes(), small.size, REDUCED, photometric=RGB)

    def save(self, path, main):
        self.content[4:8] = struct.pack("<I", self.add_directory(main))
        Path(path).write_bytes(self.content)


def save_raw(path, photo, *, orientation=1, camera=CAMERA | DNG, preview=True, thumbnail=True):
    """Write a small raw file as cameras do: a thumbnail first, then the mosaic and a preview."""
    file = TiffFile()
    parts = [file.add_mosaic(photo)]
    if preview:
        parts.append(file.add_preview(photo))
    main = file.add_thumbnail(photo) if thumbnail else parts.pop(0)
    if parts:
        main[330] = (LONG, *[file.add_directory(part) for part in parts])
    main[274] = (SHORT, orientation)
    main[34665] = (LONG, file.add_directory(CAPTURE_TIME))
    file.save(path, main | camera)


def difference(photo, expected):
    """Mean absolute difference of two pictures, in grey levels."""
    expected = expected.resize(photo.size, Image.Resampling.BOX)
    return np.abs(np.asarray(photo, float) - np.asarray(expected, float)).mean()


def not_upright(photo, orientation):
    """Return the pixels of a file with this orientation tag that shows the photo upright."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # of Image.Transpose
    return photo.transpose(undo[orientation]) if orientation in undo else photo


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_raw_is_shown_upright_by_its_preview(tmp_path, china, orientation):
    path = tmp_path / "photo.wrong-extension"
    save_raw(path, not_upright(china, orientation), orientation=orientation)

    header, photo = read_header(path), read_photo(path, 200)

    assert (header.format, header.width, header.height) == ("RAW", *china.size)
    assert photo.mode == "RGB"
    assert photo.size == (320, 212)  # reduced, and no thumbnail
    assert difference(photo, china) < 5


def test_the_capture_time_is_that_of_the_raw(tmp_path, china):
    save_raw(tmp_path / "photo.dng", china)
    stamp = read_header(tmp_path / "photo.dng").metadata.stamps[0]
    assert (stamp.field, str(stamp.moment)) == ("exif_original", "2025-06-13 23:07:56.444000")


def test_a_raw_that_is_no_dng_is_recognized_by_its_mosaic(tmp_path, china):
    camera = CAMERA | {271: (ASCII, *b"NIKON CORPORATION\0"), 272: (ASCII, *b"NIKON D1\0")}
    for preview in [False, True]:  # with one and with two directories below the main one
        path = tmp_path / "photo.nef"
        save_raw(path, china, camera=camera, preview=preview)
        with Image.open(path) as tiff:
            assert tiff.size == (64, 42)  # what Pillow alone makes of it
        assert read_header(path).format == "RAW"


def test_a_thumbnail_is_better_than_nothing(tmp_path, china):
    save_raw(tmp_path / "photo.dng", china, preview=False)
    assert read_header(tmp_path / "photo.dng").width == 640
    assert difference(read_photo(tmp_path / "photo.dng", 200), china) < 8


@pytest.mark.parametrize("orientation", [1, 6])
def test_without_a_preview_a_raw_is_developed(tmp_path, china, orientation):
    path = tmp_path / "photo.dng"
    save_raw(path, china, orientation=orientation, preview=False, thumbnail=False)
    header, photo = read_header(path), read_photo(path, 100)
    upright = china.transpose(Image.Transpose.ROTATE_270) if orientation == 6 else china
    assert (header.format, header.width, header.height) == ("RAW", *upright.size)
    shown, expected = (np.asarray(p.convert("L").resize((32, 32)), float) for p in (photo, upright))
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.9


def test_a_truncated_raw_is_unreadable(tmp_path, china):
    path = tmp_path / "photo.dng"
    save_raw(path, china)
    content = path.read_bytes()
    for size in [*range(1, 20), len(content) // 2, len(content) - 300]:
        path.write_bytes(content[:size])
        with pytest.raises(UnreadablePhoto):
            read_photo(path, 200)


def test_a_preview_that_is_cut_short_is_unreadable(tmp_path, china):
    file = TiffFile()
    parts = file.add_mosaic(china), file.add_preview(china)
    start, size = parts[1][273][1], parts[1][279][1]
    file.content[start + size // 2 : start + size] = bytes(size - size // 2)
    parts[1][279] = (LONG, size // 2)
    places = [file.add_directory(part) for part in parts]
    file.save(
        tmp_path / "photo.dng", file.add_thumbnail(china) | CAMERA | DNG | {330: (LONG, *places)}
    )
    assert read_header(tmp_path / "photo.dng").width == 640
    with pytest.raises(UnreadablePhoto, match="truncated RAW"):
        read_photo(tmp_path / "photo.dng", 200)


@pytest.mark.parametrize(
    "beginning",
    [b"FUJIFILMCCD-RAW ", b"IIRO", b"IIU\0", b"\0\0\0\x18ftypcrx ", b"II*\0\x10\0\0\0CR\2\0"],
)
def test_what_only_begins_like_a_raw_is_unreadable(tmp_path, beginning):
    (tmp_path / "photo").write_bytes(beginning + bytes(1000))
    with pytest.raises(UnreadablePhoto, match=r"unreadable RAW: .*(not RAW|ends too early)"):
        read_header(tmp_path / "photo")


def test_a_tiff_remains_a_tiff(tmp_path, china):
    path = tmp_path / "photo.tif"
    deep = Image.fromarray(np.asarray(china.convert("L"), np.uint16) * 256)
    for photo in [china, china.convert("L"), deep]:  # the last one LibRaw would take for a raw
        photo.save(path)
        header = read_header(path)
        assert (header.format, header.width, header.height) == ("TIFF", 640, 424)

    file = TiffFile()
    thumbnail = file.add_directory(file.add_thumbnail(china))
    main = file.add_pixels(china.tobytes(), china.size, WHOLE, photometric=RGB)
    file.save(path, main | CAMERA | {330: (LONG, thumbnail)})
    assert read_header(path).format == "TIFF"
    assert difference(read_photo(path, 200), china) < 5


def test_the_pixel_limit_is_for_the_whole_raw(tmp_path, china):
    save_raw(tmp_path / "photo.dng", china, preview=False)
    assert read_photo(tmp_path / "photo.dng", 20, max_pixels=640 * 424).size == (32, 21)
    for read in (read_header, lambda *args, **options: read_photo(*args, 20, **options)):
        with pytest.raises(UnreadablePhoto, match=r"640 × 424 = 0.271 megapixels, .* raise"):
            read(tmp_path / "photo.dng", max_pixels=640 * 424 - 1)


def test_a_name_that_is_no_utf_8_is_no_obstacle(tmp_path, china):
    path = tmp_path / "caf\udce9.dng"
    try:
        save_raw(path, china)
    except OSError:
        pytest.skip("needs a filesystem that takes any bytes for a name")
    assert read_header(path).format == "RAW"
    assert read_photo(os.fspath(path), 200).size == (320, 212)


def test_threads_read_what_one_thread_reads(tmp_path, china):
    for degrees in range(8):
        save_raw(tmp_path / f"{degrees}.dng", china.rotate(degrees))
    paths = sorted(tmp_path.iterdir())
    expected = [read_photo(path, 100).tobytes() for path in paths]
    with ThreadPoolExecutor(4) as pool:
        photos = list(pool.map(lambda path: read_photo(path, 100).tobytes(), paths * 10))
    assert photos == expected * 10
