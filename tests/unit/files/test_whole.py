"""All pixels are compared: upright, every frame, alpha, under one colour profile."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from files import sample, save
from PIL import Image, ImageCms

from dupimg.files.images import UnreadablePhoto
from dupimg.files.whole import Whole, read_whole

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def photo():
    with Image.open(sample("coffee.png")) as opened:
        return Image.fromarray(np.asarray(opened.convert("RGB")))  # without a profile


def exif(orientation):
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def one_pixel_off(photo):
    pixels = np.array(photo)
    pixels[-1, -1, -1] ^= 1
    return Image.fromarray(pixels)


@pytest.fixture
def pixels(tmp_path, photo):
    """Save a picture in a form of its own and return whether its pixels are those of the photo."""
    original = read_whole(save(photo, tmp_path / "original.png"))

    def compare(picture, name, **how):
        return read_whole(save(picture, tmp_path / name, **how)).has_pixels_of(original)

    return compare


def test_forms_of_the_same_pixels(pixels, photo):
    turned = photo.transpose(Image.Transpose.ROTATE_90)
    assert pixels(photo, "a.bmp")
    assert pixels(photo, "a.webp", lossless=True)
    assert pixels(photo, "a.tif", compression="tiff_lzw")
    assert pixels(photo.convert("RGBA"), "opaque.png")
    for name in ("turned.png", "turned.tif", "turned.webp"):
        assert pixels(turned, name, exif=exif(6), **({"lossless": True} if "webp" in name else {}))


def test_other_pixels(pixels, photo):
    assert not pixels(one_pixel_off(photo), "off.png")
    assert not pixels(photo, "lossy.jpg", quality=95)
    assert not pixels(photo.crop((0, 0, photo.width, photo.height - 1)), "cropped.png")
    clear = photo.convert("RGBA")
    clear.putpixel((0, 0), (*clear.getpixel((0, 0))[:3], 254))
    assert not pixels(clear, "clear.png")
    assert not pixels(photo, "turned.png", exif=exif(3))


def test_profiles(pixels, photo):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert pixels(photo, "srgb.png", icc_profile=srgb)
    # The names of the primaries in the table of tags: red is shown as blue.
    table = srgb[128:].replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ")
    profile = srgb[:128] + table.replace(b"????", b"bXYZ")
    assert not pixels(photo, "other.png", icc_profile=profile)
    assert not pixels(photo, "broken.png", icc_profile=b"no profile")


def test_what_a_decoder_drops_is_not_compared(tmp_path, photo):
    deep = np.asarray(photo).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    tifffile.imwrite(tmp_path / "deep.png.tif", deep[..., 0], photometric="minisblack")
    whole, grey = (read_whole(tmp_path / name) for name in ("deep.tif", "deep.png.tif"))
    assert not whole.has_pixels_of(whole)
    assert grey.has_pixels_of(grey)


def animation(path, frames, **how):
    first, *rest = frames
    first.save(path, save_all=True, append_images=rest, **{"loop": 0, **how})
    return read_whole(path)


@pytest.mark.parametrize("format", ["webp", "png", "gif", "tif"])
def test_every_frame_counts(tmp_path, photo, format):
    frames = [photo.resize((120, 80)), Image.new("RGB", (120, 80)), Image.new("RGB", (120, 80), 9)]
    changed = [*frames[:2], photo.rotate(180).resize((120, 80))]
    how = {"webp": {"lossless": True}}.get(format, {})
    one = animation(tmp_path / f"one.{format}", frames, **how)
    other = animation(tmp_path / f"other.{format}", changed, **how)
    short = animation(tmp_path / f"short.{format}", frames[:2], **how)
    still = read_whole(save(frames[0], tmp_path / "still.png"))
    assert len(one.frames) == 3
    assert Whole.from_json(one.to_json()).has_pixels_of(one)
    for another in (other, short, still):
        assert not one.has_pixels_of(another)
        assert not one.has_frames_of(another)
        assert not another.has_frames_of(one)


@pytest.mark.parametrize("format", ["webp", "png", "gif"])
def test_the_speed_of_an_animation_counts(tmp_path, photo, format):
    frames = [photo.resize((120, 80)), Image.new("RGB", (120, 80))]
    how = {"webp": {"lossless": True}}.get(format, {})
    one = animation(tmp_path / f"one.{format}", frames, duration=[100, 40], **how)
    again = animation(tmp_path / "again.webp", frames, duration=[100, 40], lossless=True)
    slow = animation(tmp_path / f"slow.{format}", frames, duration=[100, 50], **how)
    twice = animation(tmp_path / f"twice.{format}", frames, duration=[100, 40], loop=2, **how)
    assert one.has_timing_of(again)
    for another in (slow, twice):
        assert one.has_frames_of(another)
        assert not one.has_timing_of(another)
        assert not one.has_pixels_of(another)


def test_a_smaller_animation_has_the_same_frames(tmp_path, photo):
    frames = [photo, photo.rotate(90), photo.rotate(180)]
    one = animation(tmp_path / "one.webp", [f.resize((240, 160)) for f in frames], lossless=True)
    small = animation(tmp_path / "two.webp", [f.resize((120, 80)) for f in frames], quality=60)
    assert one.has_frames_of(small)
    assert not one.has_pixels_of(small)


def test_transparency(tmp_path):
    def icon(size, box):
        picture = Image.new("RGBA", (size, size), (255, 255, 255, 0))
        picture.paste((255, 255, 255, 255), tuple(size * side // 100 for side in box))
        return read_whole(save(picture, tmp_path / f"{size} {box}.png"))

    left, again, right = (
        icon(s, b)
        for s, b in ((200, (0, 0, 50, 99)), (400, (0, 0, 50, 99)), (200, (50, 0, 99, 99)))
    )
    white = read_whole(save(Image.new("RGB", (200, 200), "white"), tmp_path / "white.png"))
    opaque = read_whole(save(Image.new("RGBA", (200, 200), "white"), tmp_path / "opaque.png"))
    assert left.has_transparency_of(again)
    assert not left.has_transparency_of(right)
    assert not left.has_transparency_of(white)
    assert not white.has_transparency_of(left)
    assert opaque.has_transparency_of(white)
    assert white.has_transparency_of(opaque)


def test_what_is_remembered_is_read_back(tmp_path, photo):
    whole = animation(tmp_path / "a.gif", [photo, photo.rotate(180)])
    again = Whole.from_json(whole.to_json())
    assert again.pixels == whole.pixels
    np.testing.assert_array_equal(again.frames, whole.frames)


def test_limits(tmp_path, photo):
    path = save(photo, tmp_path / "photo.png")
    with pytest.raises(UnreadablePhoto, match="more than the limit"):
        read_whole(path, max_pixels=1000)
    tiny = [Image.new("L", (4, 4), i % 256) for i in range(1001)]
    tiny[0].save(tmp_path / "long.tif", save_all=True, append_images=tiny[1:])
    with pytest.raises(UnreadablePhoto, match="1001 frames are too many"):
        read_whole(tmp_path / "long.tif")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UnreadablePhoto):
        read_whole(path)
