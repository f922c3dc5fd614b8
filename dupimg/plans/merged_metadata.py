"""Write metadata of duplicates that a kept photo lacks to a new XMP sidecar."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from dupimg.files.photos import FILE_TIME, Listing, Photo
from dupimg.messages import message
from dupimg.plans.reasons import joined, parts_of, without
from dupimg.plans.rows import KEEP, Row

# Suffix of the sidecar after the name of the photo.
SIDECAR_SUFFIX = ".xmp"

_MERGED = "reason.merged_metadata"
_DATES = ("exif:DateTimeOriginal", "photoshop:DateCreated")
_NAMES = ("place", "rating", "keywords", "title")

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="dupimg">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"{attributes}>
{elements}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def knowing(rows: Sequence[Row], listing: Listing) -> list[Row]:
    """Store the metadata of photos in their rows, see `Row.known`."""
    photos = {photo.path: photo for photo in listing.photos}

    def known(photo: Photo) -> str:
        place = listing.metadata[photo.digest].place if photo.digest in listing.metadata else None
        traits = photo.traits
        values = (place, traits.rating, traits.keywords, traits.title)
        return json.dumps({n: value for n, value in zip(_NAMES, values, strict=True) if value})

    return [
        row.having(known=known(photos[row.path])) if row.path in photos else row for row in rows
    ]


def with_sidecars(rows: Sequence[Row]) -> list[Row]:
    """Add XMP sidecars to kept photos that need them.

    Parameters
    ----------
    rows : sequence of Row
        Photos with `known` metadata; sidecars of an earlier run stay.

    Returns
    -------
    list of Row
        With `sidecar` for photos without an XMP file that lack a date, place, rating, keywords or
        title of one of their duplicates.
    """
    duplicates: defaultdict[str, list[Row]] = defaultdict(list)
    has_xmp = set()
    for row in rows:
        if row.keeper and row.is_photo:
            duplicates[row.keeper].append(row)
        if row.is_companion and row.action == KEEP and row.path.lower().endswith(SIDECAR_SUFFIX):
            has_xmp.add(row.goes_with)

    def completed(row: Row) -> Row:
        if not row.known or row.earlier:
            return row
        takes_part = row.action == KEEP and row.path not in has_xmp
        packet = _missing(row, duplicates[row.path]) if takes_part else ""
        told = [message("reason.merged_metadata")] if packet else []
        reason = joined([*parts_of(without(row.reason, _MERGED)), *told])
        return row.having(sidecar=packet, reason=reason)

    return [completed(row) for row in rows]


def _missing(row: Row, duplicates: Sequence[Row]) -> str:
    """Return an XMP packet with the metadata that a photo lacks; empty if nothing is missing."""
    own = json.loads(row.known)
    others = [json.loads(other.known) for other in duplicates if other.known]
    found = {
        name: next(known[name] for known in others if name in known)
        for name in _NAMES
        if name not in own and any(name in known for known in others)
    }
    if row.own_taken_at and row.taken_from != FILE_TIME:
        found["date"] = row.taken_at
    return _packet(found) if found else ""


def _packet(values: Mapping[str, Any]) -> str:
    attributes: dict[str, str] = {}
    if "date" in values:
        attributes |= dict.fromkeys(
            ("exif:DateTimeOriginal", "photoshop:DateCreated"), values["date"]
        )
    if "place" in values:
        latitude, longitude = values["place"]
        attributes["exif:GPSLatitude"] = _degrees(latitude, "NS")
        attributes["exif:GPSLongitude"] = _degrees(longitude, "EW")
    if "rating" in values:
        attributes["xmp:Rating"] = str(values["rating"])
    elements = ""
    if "title" in values:
        item = f'<rdf:li xml:lang="x-default">{_text(values["title"])}</rdf:li>'
        elements += f"   <dc:title><rdf:Alt>{item}</rdf:Alt></dc:title>\n"
    if "keywords" in values:
        items = "".join(f"<rdf:li>{_text(word)}</rdf:li>" for word in values["keywords"])
        elements += f"   <dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>\n"
    return _PACKET.format(
        attributes="".join(f"\n    {name}={quoteattr(v)}" for name, v in attributes.items()),
        elements=elements,
    )


def _degrees(angle: float, signs: str) -> str:
    """Format an angle for XMP: ``48,51.48333N``."""
    degrees, minutes = divmod(abs(angle) * 60, 60)
    return f"{int(degrees)},{minutes:.6f}{signs[angle < 0]}"


def _text(text: str) -> str:
    """Escape a text, without the characters forbidden in XML."""
    return escape("".join(c for c in text if c.isprintable()))
