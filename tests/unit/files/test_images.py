import importlib.util
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener
from privileges import without_privileges

from dupimg.files.images import PhotoHeader, UnreadablePhoto, read_header, read_photo
from dupimg.files.traits import Traits

register_heif_opener()

ORIENTATION, CAPTURE_TIME = 0x0112, 0x9003


@pytest.fixture(scope="module")
def china():
    folder = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    with Image.open(Path(folder, "datasets", "images", "china.jpg")) as photo:
        return photo.convert("RGB").crop((0, 0, 640, 424))  # whole numbers once halved


def difference(photo, expected):
    """Mean absolute difference of two pictures of the same size, in grey levels."""
    expected = expected.resize(photo.size, Image.Resampling.BOX)
    return np.abs(np.asarray(photo, float) - np.asarray(expected, float)).mean()


def in_grey(photo):
    return photo.convert("L").convert("RGB")


def exif_of(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif.get_ifd(0x8769)[CAPTURE_TIME] = "2025:06:13 23:07:56"
    return exif.tobytes()


def not_upright(photo, orientation):
    """Return the pixels of a file with this orientation tag that shows the photo upright."""
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # of Image.Transpose
    return photo.transpose(undo[orientation]) if orientation in undo else photo


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("MPO", {"quality": 90}),
        ("PNG", {}),
        ("WEBP", {"quality": 90}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("JPEG2000", {}),
        ("HEIF", {"quality": 90}),
        ("AVIF", {"quality": 90}),
        ("PPM", {}),
    ],
)
def test_formats_are_recognized_by_their_content(tmp_path, china, format, options):
    path = tmp_path / "photo.wrong-extension"
    if format == "MPO":
        options = {**options, "save_all": True, "append_images": [china.rotate(180)]}
    china.save(path, format=format, **options)

    header, photo = read_header(path), read_photo(path, 200)

    assert (header.format, header.width, header.height) == (format, *china.size)
    assert photo.mode == "RGB"
    assert photo.size == (320, 212)
    assert difference(photo, china) < 9


@pytest.mark.parametrize("size", [424, 425, 1000])
def test_a_photo_is_not_reduced_below_the_size_nor_enlarged(tmp_path, china, size):
    china.save(tmp_path / "photo.jpg")
    assert read_photo(tmp_path / "photo.jpg", size).size == china.size


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path, china, format, orientation):
    path = tmp_path / "photo"
    if format == "HEIF":  # pillow-heif turns the tag into the format's own rotation
        turned = not_upright(china, orientation)
        turned.save(path, format=format, quality=90, exif=exif_of(orientation))
    elif format == "TIFF":
        not_upright(china, orientation).save(path, format=format, tiffinfo={274: orientation})
    else:
        not_upright(china, orientation).save(path, format=format, exif=exif_of(orientation))

    header, photo = read_header(path), read_photo(path, 200)

    assert (header.width, header.height) == china.size
    assert difference(photo, china) < 8


def test_header_has_the_tags_of_both_directories(tmp_path, china):
    china.save(tmp_path / "photo.jpg", exif=exif_of(6))
    exif = read_header(tmp_path / "photo.jpg").exif
    assert exif[ORIENTATION] == 6
    assert exif[CAPTURE_TIME] == "2025:06:13 23:07:56"


def test_broken_exif_takes_nothing_from_the_photo_and_warns_nobody(tmp_path, china):
    path = tmp_path / "photo.jpg"
    china.save(path, exif=exif_of(1)[:22] + b"\xff" * 40)
    with pytest.warns(UserWarning, match="larger than file"), Image.open(path) as photo:
        photo.getexif()

    header = read_header(path)
    assert header == PhotoHeader("JPEG", 640, 424, header.exif, traits=Traits(format="JPEG"))
    assert CAPTURE_TIME not in read_header(path).exif
    assert difference(read_photo(path, 200), china) < 6


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_deep_grey_is_scaled_not_clipped(tmp_path, china, format, bits):
    grey = np.asarray(china.convert("L"), np.uint16)
    deep = (grey * ((2**bits - 1) / grey.max())).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "photo", format=format)
    assert difference(read_photo(tmp_path / "photo", 200), in_grey(china)) < 4


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_pixels_are_scaled(tmp_path, china, white):
    grey = np.asarray(china.convert("L"), np.float32) / 255 * white
    grey[:2, 0] = np.nan, 0.0
    Image.fromarray(grey).save(tmp_path / "photo.tif")
    assert (
        difference(read_photo(tmp_path / "photo.tif", 200), china.convert("L").convert("RGB")) < 4
    )


def test_integer_pixels_of_32_bits_are_scaled(tmp_path, china):
    grey = np.asarray(china.convert("L"), np.int32) << 20
    Image.fromarray(grey).save(tmp_path / "photo.tif")
    assert (
        difference(read_photo(tmp_path / "photo.tif", 200), china.convert("L").convert("RGB")) < 4
    )


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB"])
def test_other_colour_modes_come_out_as_rgb(tmp_path, china, mode):
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        photo = ImageCms.profileToProfile(china, *profiles, outputMode="LAB")
    else:
        photo = china.convert(mode)
    photo.save(tmp_path / "photo.tif")
    expected = in_grey(china) if mode in "1L" else china
    assert difference(read_photo(tmp_path / "photo.tif", 100), expected) < 12


def test_the_inverted_cmyk_of_adobe_is_turned_back(tmp_path, china):
    china.convert("CMYK").save(tmp_path / "photo.jpg", quality=90)
    assert difference(read_photo(tmp_path / "photo.jpg", 200), china) < 8


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_become_white(tmp_path, china, mode):
    photo = china.convert("RGBA")
    photo.paste((0, 0, 0, 0), (0, 0, 320, 424))
    (photo.quantize() if mode == "P" else photo.convert(mode)).save(tmp_path / "photo.png")
    left = read_photo(tmp_path / "photo.png", 424).crop((0, 0, 300, 424))
    assert np.asarray(left).min() == 255


def test_jpeg_2000_with_too_few_resolutions_is_read_whole(tmp_path, china):
    china.save(tmp_path / "photo.jp2", num_resolutions=1)
    photo = read_photo(tmp_path / "photo.jp2", 50)
    assert photo.size == (80, 53)
    assert difference(photo, china) < 9


def test_truncated_files_are_unreadable(tmp_path, china):
    for format in ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "JPEG2000", "BMP", "GIF", "PPM"]:
        path = tmp_path / format
        china.save(path, format=format)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(UnreadablePhoto, match=r"^(truncated|unreadable|broken) "):
            read_photo(path, 200)
    with pytest.raises(UnreadablePhoto, match="truncated JPEG"):
        read_photo(tmp_path / "JPEG", 200)


@pytest.mark.parametrize("read", [read_header, lambda path: read_photo(path, 200)])
def test_the_reason_says_what_is_wrong(tmp_path, china, read):
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no picture at all")
    (tmp_path / "broken").write_bytes(b"\xff\xd8\xff" + bytes(100))
    china.save(tmp_path / "photo.png")
    for name, reason in {
        "missing": "cannot open the file: No such file",
        ".": "cannot open the file: Is a directory",
        "empty": "empty file",
        "text": "not a picture",
        "broken": "(unreadable|broken) JPEG",
    }.items():
        with pytest.raises(UnreadablePhoto, match=reason):
            read(tmp_path / name)


def test_no_permission_is_a_reason(open_folder, china):
    china.save(open_folder / "photo.png")
    (open_folder / "photo.png").chmod(0)
    with without_privileges(), pytest.raises(UnreadablePhoto, match="Permission denied"):
        read_header(open_folder / "photo.png")


def test_our_pixel_limit_holds_and_pillows_does_not(tmp_path, china, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    path = tmp_path / "photo.png"
    china.save(path)
    pixels = china.width * china.height

    assert read_header(path, max_pixels=pixels).width == 640
    assert read_photo(path, 200, max_pixels=pixels).size == (320, 212)
    for read in (read_header, lambda *args, **options: read_photo(*args, 200, **options)):
        with pytest.raises(UnreadablePhoto, match=r"640 × 424 = 0.271 megapixels, .* raise"):
            read(path, max_pixels=pixels - 1)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_many_threads_leave_the_settings_of_the_process_as_they_were(tmp_path, china):
    for number in range(8):
        china.rotate(number).save(tmp_path / f"{number}.jpg", exif=exif_of(1)[:22] + b"\xff" * 40)
    before = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    with ThreadPoolExecutor(4) as pool:
        photos = list(pool.map(lambda path: read_photo(path, 200), [*tmp_path.iterdir()] * 8))
    assert len(photos) == 64
    assert (list(warnings.filters), Image.MAX_IMAGE_PIXELS) == before


def test_huge_pictures_wait_for_each_other(tmp_path, china, monkeypatch):
    monkeypatch.setattr("dupimg.files.images._HUGE_PIXELS", 1000)
    lock = threading.Lock()
    monkeypatch.setattr("dupimg.files.images._one_huge_picture", lock)
    china.save(tmp_path / "huge.png")
    china.save(tmp_path / "reducible.jpg")
    with ThreadPoolExecutor(1) as pool:
        with lock:
            read_photo(tmp_path / "reducible.jpg", 200)  # waits for nothing
            waiting = pool.submit(read_photo, tmp_path / "huge.png", 200)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
        assert waiting.result(timeout=20).mode == "RGB"


def test_every_nasty_file_is_a_photo_or_has_a_reason(shared_photos):
    files = [path for path in (shared_photos / "nasty").rglob("*") if path.is_file()]
    reasons = {}
    for path in files:
        try:
            photo = read_photo(path, 224)
        except UnreadablePhoto as error:
            reasons[path.name] = str(error)
        else:
            header = read_header(path)
            assert photo.mode == "RGB"
            assert photo.width <= header.width
            assert photo.width / photo.height == pytest.approx(header.width / header.height, 0.1)
    assert len(files) == 230
    assert len(reasons) < 50
    assert all(reasons.values())
    assert "giant-image.jpg" not in reasons
