import hashlib
import os
import time
import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dupimg.files.companion_names import companion_ending, is_film, split_name
from dupimg.files.companions import pair_companions
from dupimg.files.photos import File, Listing, Photo, Video
from dupimg.files.traits import Traits
from dupimg.messages import message

NOON = datetime(2025, 6, 13, 12)
PICTURES = (".jpg", ".jpeg", ".heic", ".png", ".cr2", ".dng", ".thm")


def photo(path, taken_at=NOON, taken_from="exif"):
    return Photo(path, 1000, digest_of(path), 40, 30, taken_at, taken_from, modified_ns=len(path))


def other(path, bytes=1000):
    if is_film(path):
        return video(path, bytes=bytes)
    return File(
        path, bytes, digest_of(path), message("reason.not_a_picture"), modified_ns=len(path)
    )


def video(path, taken_at=NOON, taken_from="file", bytes=1000, **facts):
    return Video(path, bytes, digest_of(path), taken_at, taken_from, len(path), **facts)


def digest_of(path):
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def listing_of(*files):
    """Return the listing of a folder; names stand for photos taken at noon and for small files."""
    records = [
        (photo if file.lower().endswith(PICTURES) else other)(file)
        if isinstance(file, str)
        else file
        for file in files
    ]
    photos = [record for record in records if isinstance(record, Photo)]
    others = [record for record in records if isinstance(record, File)]
    videos = [record for record in records if isinstance(record, Video)]
    others.sort(key=lambda file: file.path)
    return Listing(tuple(photos), tuple(others), videos=tuple(videos))


def pairs(listing):
    """Return the photo of each companion."""
    return {file.path: file.companion_of for file in pair_companions(listing).companions}


def rename(listing):
    """Return the photos and companions of a listing under new names, and all old names."""
    paired = pair_companions(listing)
    owners = (*paired.photos, *paired.videos)
    stems = {found.path: f"new/image-0001-{i:017}" for i, found in enumerate(owners)}
    new = {path: stem + split_name(path)[1] for path, stem in stems.items()}
    for file in paired.companions:
        stem = stems[file.companion_of]
        new[file.path] = stem + companion_ending(file.path, file.companion_of)
    files = [
        replace(record, path=new[record.path])
        for record in (*listing.photos, *listing.others, *listing.videos)
        if record.path in new
    ]
    return listing_of(*files), {name: path for path, name in new.items()}


LONG = "the_whole_family_at_the_lake_in_the_late_summer_of_2012"


@pytest.mark.parametrize(
    ("companion", "of", "ending", "relation"),
    [
        ("IMG_1.jpg.xmp", "IMG_1.jpg", ".jpg.xmp", "sidecar"),
        ("IMG_1.xmp", "IMG_1.jpg", ".xmp", "sidecar"),
        ("IMG_1.AAE", "IMG_1.HEIC", ".AAE", "sidecar"),
        ("IMG_1.THM", "IMG_1.JPG", ".THM", "sidecar"),
        ("img_1.XMP", "IMG_1.Jpg", ".XMP", "sidecar"),
        ("a.b.jpg.xmp", "a.b.jpg", ".jpg.xmp", "sidecar"),
        ("No suffix.xmp", "No suffix", ".xmp", "sidecar"),
        ("Mr. Smith in summer 2012.xmp", "Mr. Smith in summer 2012", ".xmp", "sidecar"),
        ("IMG_1.MOV", "IMG_1.HEIC", ".MOV", "Live Photo video"),
        ("IMG_1.mp4", "IMG_1.JPG", ".mp4", "Live Photo video"),
        ("IMG_1_HEVC.MOV", "IMG_1.HEIC", "_HEVC.MOV", "Live Photo video"),
        ("IMG_E1234.MOV", "IMG_1234.HEIC", "-edited.MOV", "Live Photo video"),
        ("IMG_1.CR2", "IMG_1.JPG", ".CR2", "raw"),
        ("IMG_1.dng", "IMG_1.heic", ".dng", "raw"),
        ("IMG_E1234.JPG", "IMG_1234.HEIC", "-edited.JPG", "edited version"),
        ("IMG_E1234.JPG", "IMG_1234.JPG", "-edited.JPG", "edited version"),
        ("IMG_E1234.xmp", "IMG_1234.JPG", "-edited.xmp", "sidecar"),
        ("IMG_1-edited.jpg", "IMG_1.jpg", "-edited.jpg", "edited version"),
        ("IMG_1-edited(1).jpg", "IMG_1(1).jpg", "-edited.jpg", "edited version"),
        ("IMG_1-bearbeitet.jpg", "IMG_1.jpg", "-bearbeitet.jpg", "edited version"),
        ("IMG_1.jpg.json", "IMG_1.jpg", ".jpg.json", "Google Takeout metadata"),
        ("IMG_1.json", "IMG_1.jpg", ".json", "Google Takeout metadata"),
        ("IMG_1.jpg(1).json", "IMG_1(1).jpg", ".jpg.json", "Google Takeout metadata"),
        (
            "IMG_1.jpg.supplemental-metadata.json",
            "IMG_1.jpg",
            ".jpg.supplemental-metadata.json",
            "Google Takeout metadata",
        ),
        (
            "IMG_1.jpg.supplemental-me(2).json",
            "IMG_1(2).jpg",
            ".jpg.supplemental-me.json",
            "Google Takeout metadata",
        ),
        (f"{LONG[:46]}.json", f"{LONG}.jpg", ".jpg.json", "Google Takeout metadata"),
        ("IMG_1.JPG.pp3", "IMG_1.JPG", ".JPG.pp3", "sidecar"),
        ("IMG_1.cos", "IMG_1.JPG", ".cos", "sidecar"),
        ("IMG_1_01.JPG.xmp", "IMG_1.JPG", "_01.JPG.xmp", "sidecar"),
        ("IMG_1.WAV", "IMG_1.JPG", ".WAV", "sidecar"),
        ("IMG_O1234.AAE", "IMG_1234.HEIC", "-original.AAE", "sidecar"),
        ("PXL_1.MP", "PXL_1.MP.jpg", ".MP", "Live Photo video"),
        ("PXL_1.MP~2", "PXL_1.MP.jpg", ".MP~2", "Live Photo video"),
        ("MVIMG_1.MV", "MVIMG_1.jpg", ".MV", "Live Photo video"),
        ("IMG_1_edited.jpg", "IMG_1.jpg", "_edited.jpg", "edited version"),
        ("IMG_1-EFFECTS.jpg", "IMG_1.jpg", "-EFFECTS.jpg", "edited version"),
        (f"{LONG[:43]}-edi.jpg", f"{LONG[:43]}.jpg", "-edited.jpg", "edited version"),
        (f"{LONG[:51]}.json", f"{LONG}.jpg", ".jpg.json", "Google Takeout metadata"),
    ],
)
def test_a_companion_is_found_by_its_name_and_by_its_new_name(companion, of, ending, relation):
    companion, of = f"2025/{companion}", f"2025/{of}"

    paired = pair_companions(listing_of(companion, photo(of)))

    assert paired.photos == (photo(of),)
    assert paired.others == ()
    (file,) = paired.companions
    assert str(file.reason) == f"{relation} of {of.removeprefix('2025/')}"
    assert file == File(
        companion, 1000, digest_of(companion), file.reason, of, modified_ns=len(companion)
    )
    assert companion_ending(companion, of) == ending
    stem = "new/image-0001-20250613120000000"
    renamed = stem + ending, stem + split_name(of)[1]
    assert pairs(listing_of(renamed[0], photo(renamed[1]))) == dict([renamed])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            ["a.CR2", "a.CR2.xmp", "a.JPG", "a.JPG.xmp", "a.xmp"],
            {"a.CR2": "a.JPG", "a.CR2.xmp": "a.JPG", "a.JPG.xmp": "a.JPG", "a.xmp": "a.JPG"},
            id="all that belongs to the raw of a JPEG belongs to the JPEG",
        ),
        pytest.param(
            ["IMG_1.HEIC", "IMG_1.MOV", "IMG_1.AAE", "IMG_E1.JPG", "IMG_E1.MOV", "IMG_E1.JPG.xmp"],
            dict.fromkeys(
                ["IMG_1.MOV", "IMG_1.AAE", "IMG_E1.JPG", "IMG_E1.MOV", "IMG_E1.JPG.xmp"],
                "IMG_1.HEIC",
            ),
            id="all that belongs to an edited version belongs to the original",
        ),
        pytest.param(
            ["IMG_1.HEIC", "IMG_E1.DNG", "IMG_E1.JPG"],
            {"IMG_E1.DNG": "IMG_1.HEIC", "IMG_E1.JPG": "IMG_1.HEIC"},
            id="chain of a raw, an edited version, its original",
        ),
        pytest.param(
            ["IMG_1.HEIC", "IMG_1.MOV", "IMG_1.MOV.json"],
            {"IMG_1.MOV": "IMG_1.HEIC", "IMG_1.MOV.json": "IMG_1.HEIC"},
            id="metadata of a video",
        ),
        pytest.param(
            ["a.JPG", "a.HEIC", "a.MOV", "a.AAE"],
            {"a.MOV": "a.HEIC", "a.AAE": "a.HEIC"},
            id="phones write for the HEIC",
        ),
        pytest.param(
            ["a.jpg", photo("a.cr2", NOON - timedelta(days=1)), "a.xmp"],
            {"a.xmp": "a.cr2"},
            id="raw developers write for the raw",
        ),
        pytest.param(
            ["GOPR1.MP4", "GOPR1.THM", "GL010010.LRV", "GX010010.MP4", "DJI_1.MP4", "DJI_1.SRT"],
            {"GOPR1.THM": "GOPR1.MP4", "GL010010.LRV": "GX010010.MP4", "DJI_1.SRT": "DJI_1.MP4"},
            id="what belongs to films",
        ),
        pytest.param(["b.png", "b.jpg", "b.xmp"], {"b.xmp": "b.jpg"}, id="the first by path"),
        pytest.param(
            ["b.png", "b.jpg", "b.png.xmp"], {"b.png.xmp": "b.png"}, id="the full name decides"
        ),
        pytest.param(["1/a.jpg", "2/a.xmp", "a.aae"], {}, id="other folders do not count"),
        pytest.param(["a.jpg", "a.png", "a.heic"], {}, id="pictures of one stem are no pair"),
        pytest.param(["a.cr2", "a.dng"], {}, id="two raws are no pair"),
        pytest.param(
            ["b.jpg", "a.xmp", "c.mov", "a.cr2.xmp", "IMG_E1.JPG", "a.jpg(1).json", "MVI_1.THM"],
            {},
            id="orphans",
        ),
        pytest.param(
            ["a.jpg", "a.txt", "a.jpg.bak", "a.avi", "ab.xmp", "a.json.xmp"],
            {},
            id="other suffixes and other stems",
        ),
        pytest.param(
            ["IMG_1.jpg", "IMG_E1.jpg", "IMG_1-edited.jpg", "IMG_1-edited.xmp"],
            {"IMG_E1.jpg": "IMG_1.jpg", "IMG_1-edited.xmp": "IMG_1-edited.jpg"},
            id="one of two that would have one new name",
        ),
        pytest.param(
            ["a.jpg", unicodedata.normalize("NFC", "é.jpg"), unicodedata.normalize("NFD", "é.xmp")],
            {unicodedata.normalize("NFD", "é.xmp"): unicodedata.normalize("NFC", "é.jpg")},
            id="composed and decomposed",
        ),
        pytest.param(["STRASSE.JPG", "straße.xmp"], {"straße.xmp": "STRASSE.JPG"}, id="case"),
        pytest.param(["\udcff.jpg", "\udcff.xmp"], {"\udcff.xmp": "\udcff.jpg"}, id="no UTF-8"),
    ],
)
def test_every_companion_has_one_photo(files, expected):
    assert pairs(listing_of(*files)) == expected


@pytest.mark.parametrize(
    ("taken_at", "taken_from", "together"),
    [
        (NOON + timedelta(seconds=2), "exif", True),
        (NOON - timedelta(seconds=2), "exif", True),
        (NOON + timedelta(seconds=2.001), "exif", False),
        (NOON - timedelta(days=365), "exif", False),
        (NOON - timedelta(days=365), "file", True),
        (NOON.replace(tzinfo=timezone(timedelta(hours=9))), "exif", True),
    ],
)
@pytest.mark.parametrize("version", ["IMG_1234.CR2", "IMG_E1234.JPG"])
def test_versions_are_of_the_same_shot(version, taken_at, taken_from, together):
    listing = listing_of("IMG_1234.JPG", photo(version, taken_at, taken_from))
    assert pairs(listing) == ({version: "IMG_1234.JPG"} if together else {})


def test_times_with_different_offsets_are_compared_as_moments():
    tokyo, london = timezone(timedelta(hours=9)), timezone.utc
    jpeg = photo("a.jpg", datetime(2025, 6, 13, 21, tzinfo=tokyo))
    for hour, together in [(12, True), (21, False)]:
        raw = photo("a.dng", datetime(2025, 6, 13, hour, tzinfo=london))
        assert pairs(listing_of(jpeg, raw)) == ({"a.dng": "a.jpg"} if together else {})


def test_a_film_is_not_half_a_live_photo():
    assert pairs(listing_of("a.heic", other("a.mov", 20_000_000))) == {"a.mov": "a.heic"}
    assert pairs(listing_of("a.heic", other("a.mov", 20_000_001), "a.mov.xmp")) == {
        "a.mov.xmp": "a.mov"  # but a film has companions of its own
    }


def test_a_small_picture_of_a_film_is_no_photo_even_without_the_film():
    paired = pair_companions(listing_of("a.THM", "b.jpg"))
    assert [photo.path for photo in paired.photos] == ["b.jpg"]
    assert [(file.path, str(file.reason)) for file in paired.others] == [
        ("a.THM", "small picture of a film that is not here")
    ]


def test_a_raw_of_another_camera_is_no_companion():
    raw = replace(photo("RAW/a.dng"), traits=Traits(camera="Acme One"))
    for camera, together in [("Acme One", True), ("", True), ("Acme Two", False)]:
        jpeg = replace(photo("JPG/a.jpg"), traits=Traits(camera=camera))
        assert pairs(listing_of(raw, jpeg)) == ({"RAW/a.dng": "JPG/a.jpg"} if together else {})
    assert pairs(listing_of(raw, photo("JPG/a.jpg", taken_from="name"))) == {}


def test_a_raw_that_could_not_be_read_belongs_to_its_jpeg():
    listing = listing_of("a.jpg", other("a.nef"), "a.nef.xmp")
    assert pairs(listing) == {"a.nef": "a.jpg", "a.nef.xmp": "a.jpg"}


def test_a_file_without_content_stays_where_it_was():
    link = File("a.xmp", 0, "", message("reason.symbolic_link", target="b.xmp"))
    listing = listing_of("a.jpg", link)
    assert pair_companions(listing) == listing


def test_the_rest_of_the_listing_keeps_its_order_and_counts():
    early, late = photo("z.jpg", NOON - timedelta(hours=1)), photo("a.jpg")
    text, sidecar = other("b.txt"), other("z.xmp")
    paired = pair_companions(
        Listing((early, late), (text, sidecar), system_folders=2, system_files=3)
    )
    companion = replace(
        sidecar, reason=message("reason.sidecar", photo="z.jpg"), companion_of="z.jpg"
    )
    assert paired == Listing((early, late), (text,), (companion,), 2, 3)


STEMS = ["IMG_1", "img_1", "IMG_E1", "IMG_EE1", "IMG_1-edited", "IMG_1(1)", "IMG_1-edited(1)"]
STEMS += ["IMG_1.jpg", "IMG_1_HEVC", LONG, LONG[:46], "é-MODIFIÉ", "é", "É", "-edited", ".jpg"]
SUFFIXES = [".jpg", ".JPG", ".heic", ".png", ".cr2", ".DNG", ".mov", ".MP4", ".xmp", ".aae"]
SUFFIXES += [".thm", ".json", ".txt", "", ".s", ".supplemental-meta", "(1)", ". in a long name"]
names = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "2024/"]),
        st.sampled_from(STEMS),
        st.sampled_from(SUFFIXES),
        st.one_of(st.just(""), st.sampled_from(SUFFIXES)),
    ),
)
times = st.sampled_from([NOON, NOON + timedelta(seconds=1), NOON + timedelta(hours=1)])
records = st.one_of(
    st.builds(photo, names, times, st.sampled_from(["exif", "file"])),
    st.builds(other, names, st.sampled_from([1000, 30_000_000])),
)


@given(st.lists(records, unique_by=lambda record: record.path, max_size=30), st.randoms())
def test_no_file_is_lost_or_doubled_and_new_names_pair_again(files, order):
    listing = listing_of(*files)
    paired = pair_companions(listing)

    everything = [*paired.photos, *paired.videos, *paired.others, *paired.companions]
    assert sorted(file.path for file in everything) == sorted(file.path for file in files)
    assert {file.path: file.digest for file in everything} == {
        file.path: file.digest for file in files
    }
    kept = {found.path for found in (*paired.photos, *paired.videos)}
    assert all(file.companion_of in kept for file in paired.companions)

    order.shuffle(files)
    assert pairs(listing_of(*files)) == pairs(listing)

    again, old = rename(listing)
    assert len(old) == len(kept) + len(paired.companions)
    found = {old[name]: old[of] for name, of in pairs(again).items()}
    assert found == {file.path: file.companion_of for file in paired.companions}


def test_a_hundred_thousand_files_take_seconds():
    files = []
    for number in range(25_000):
        folder = f"{2000 + number // 1000}/IMG_{number}"
        files += [photo(f"{folder}.JPG"), photo(f"{folder}.CR2")]
        files += [other(f"{folder}.CR2.xmp"), other(f"{folder}.JPG.supplemental-meta.json")]
    listing = listing_of(*files)
    start = time.process_time()
    paired = pair_companions(listing)
    seconds = time.process_time() - start
    assert len(paired.photos) == 25_000
    assert len(paired.companions) == 75_000
    assert seconds < 15  # 1.5 here; anything quadratic takes minutes
