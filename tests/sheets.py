"""A small run to look at: photos, their rows, thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from files import sample
from PIL import Image

from dupimg.files.inputs import Inputs
from dupimg.messages import as_text, message
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.plans.naming import name_rows
from dupimg.plans.reasons import removed_reason
from dupimg.plans.rows import KEEP, OTHER, REMOVE, Row

REASON = removed_reason(message("reason.more_bytes"), same_bytes=False)

HOSTILE = (
    "</script><script>document.title='owned'</script>.jpg",
    "<img src=x onerror=\"document.title='owned'\">.jpg",
    "line\nbreak\u2028 and \u202egpj.exe",
    "'\"&amp;{title}$script.jpg",
    "no utf-8 \udcff.jpg",
)


def photo(path: str, picture: str, scene: int, minute: float, **fields) -> Row:
    """Return the row of a photo that shows a sample picture."""
    with Image.open(sample(picture)) as image:
        width, height = image.size
    return Row(
        path,
        REMOVE if fields.get("keeper") else KEEP,
        scene=scene,
        taken_at=f"2024-05-01T10:{int(minute):02}:{round(minute % 1 * 60):02}.000",
        taken_from="exif",
        **{"width": width, "height": height, "bytes": 200_000, "nearest_cosine": 0.5}
        | {"digest": sha256(path.encode("utf-8", "surrogateescape")).hexdigest()}
        | fields,
    )


def duplicate(path: str, picture: str, scene: int, minute: float, keeper: str, **fields) -> Row:
    """Return the row of a duplicate, near the threshold unless told otherwise."""
    cosine = fields.setdefault("cosine_to_keeper", 0.9612)
    return photo(
        path,
        picture,
        scene,
        minute,
        keeper=keeper,
        compared_with=keeper,
        **{"nearest_cosine": cosine, "verdict": "near duplicate", "thumb_correlation": 0.93}
        | {"bytes": 50_000, "reason": REASON}
        | {"overlap": 0.64, "difference": 0.002, "shared_details": 41}
        | fields,
    )


def some_rows() -> tuple[Row, ...]:
    """Return a plan with every kind of row."""
    rows = [
        photo("cat/best.png", "chelsea.png", 1, 0, nearest_cosine=0.9991),
        duplicate("cat/copy.jpg", "chelsea.png", 1, 1, "cat/best.png", cosine_to_keeper=0.9991),
        duplicate("cat/other.jpg", "chelsea.png", 1, 2, "cat/best.png"),
        photo("cat/asleep.jpg", "chelsea.png", 1, 3.5, nearest_cosine=0.9444),
        photo("left.jpg", "motorcycle_left.png", 2, 5, nearest_cosine=0.71),
        photo("right.jpg", "motorcycle_right.png", 2, 4, nearest_cosine=0.88),
        photo("coffee.heic", "coffee.png", 3, 6),
        duplicate("tasse/咖啡.jpg", "coffee.png", 3, 7, "coffee.heic", cosine_to_keeper=1.0),
        photo("rocket.jpg", "rocket.jpg", 4, 8),
        Row("notes.txt", OTHER, bytes=12, digest=64 * "a", reason=message("reason.not_a_picture")),
        Row("half.jpg", OTHER, bytes=4321, digest=64 * "b", reason=as_text("truncated JPEG")),
    ]
    companion = Row("left.xmp", KEEP, scene=2, bytes=99, digest=64 * "c", reason=as_text("sidecar"))
    rows.append(replace(companion, companion_of="left.jpg"))
    groups = {"cat/best.png": 1, "coffee.heic": 2}
    return tuple(
        replace(row, duplicate_group=groups.get(row.keeper or row.path)) for row in name_rows(rows)
    )


PICTURES = {
    "cat": "chelsea.png",
    "left": "motorcycle_left.png",
    "right": "motorcycle_right.png",
    "coffee": "coffee.png",
    "tasse": "coffee.png",
    "rocket": "rocket.jpg",
}


def make_sheet(folder: Path, rows: Sequence[Row], state: str = "planned") -> Path:
    """Write photos, thumbnails and the page of a run, as `organize` does; return the page."""
    source, output = folder / "ein photo#1 50%", folder / "out"
    for row in rows:
        if not row.width:
            continue
        stem = PICTURES.get(row.path.split("/")[0].split(".")[0], "rocket.jpg")
        with Image.open(sample(stem)) as image:
            image = image.convert("RGB")
        moved = state == "applied" and row.destination
        place = output / row.destination if moved else source / row.path
        place.parent.mkdir(parents=True, exist_ok=True)
        image.save(place, "JPEG")
        image.thumbnail((256, 256))
        thumb = output / ".dupimg" / "thumbs" / row.digest[:2] / f"{row.digest}.jpg"
        thumb.parent.mkdir(parents=True, exist_ok=True)
        image.save(thumb)
    return write_page(rows, output, some_info(source, state))


def some_info(source: Path, state: str = "planned") -> PageInfo:
    """Say what a page says about a run."""
    rule = message("note.other_rule", rule="verified", count=1, spared=0)
    note = message("note.labelled", note=rule)
    return PageInfo(
        Inputs.join([source]), state, 0.95, 0.7, 0.8, "cosine", "efficientnet_lite0", 1.5, (note,)
    )


def many_rows(count: int) -> tuple[Row, ...]:
    """Return the rows of a collection: scenes of three, in each a duplicate."""
    rows = []
    for n in range(count):
        keeper = f"{n - 1:06}.jpg" if n % 3 == 2 else ""
        rows.append(
            Row(
                f"{n:06}.jpg",
                REMOVE if keeper else KEEP,
                f"processed/{n:06}.jpg",
                scene=n // 3 + 1,
                duplicate_group=n // 3 + 1 if n % 3 else None,
                keeper=keeper,
                cosine_to_keeper=0.96 if keeper else None,
                nearest_cosine=0.5 + n % 50 / 100,
                taken_at=f"2024-05-01T10:{n // 60 % 60:02}:{n % 60:02}.000",
                taken_from="exif",
                width=4000,
                height=3000,
                bytes=3_000_000,
                digest=f"{n:064x}",
                reason=REASON,
            )
        )
    return tuple(rows)
