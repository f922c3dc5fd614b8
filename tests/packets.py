"""Metadata as other programs write it: XMP packets, IPTC blocks, PNG chunks, films."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def xmp(**properties: str) -> bytes:
    """Return an XMP packet; of the names, the first ``_`` stands for the colon."""
    attributes = " ".join(
        f'{name.replace("_", ":", 1)}="{value}"' for name, value in properties.items()
    )
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {attributes}/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def iptc(date: str, time: str = "") -> bytes:
    """Return an IPTC block with a date and a time."""
    block = b""
    for number, text in ((55, date), (60, time)):
        if text:
            block += struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text.encode()
    return block


def with_iptc(jpeg: bytes, block: bytes) -> bytes:
    """Return a JPEG with an IPTC block."""
    resource = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block
    resource += bytes(len(block) % 2)
    return jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource + jpeg[2:]


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Return a PNG with chunks behind its pixels."""
    end = len(png) - 12
    return png[:end] + b"".join(chunks) + png[end:]


def exif(tags: dict[int, object] | None = None, gps: dict[int, object] | None = None) -> Image.Exif:
    """Return EXIF with tags of its Exif and of its GPS directory."""
    written = Image.Exif()
    written[0x010F] = "dupimg"  # without a tag of the main directory, PNG drops all of EXIF
    written.get_ifd(0x8769).update(tags or {})
    written.get_ifd(0x8825).update(gps or {})
    return written


def box(kind: bytes, *contents: bytes) -> bytes:
    """Return a box of a film."""
    content = b"".join(contents)
    return struct.pack(">I", len(content) + 8) + kind + content


def film(seconds: int, **apple: str) -> bytes:
    """Return the head of a film: its creation time since 1904, and values of Apple's keys."""
    mvhd = box(b"mvhd", struct.pack(">IIIII", 0, seconds, seconds, 600, 1800))
    names = [f"com.apple.quicktime.{name.replace('_', '.')}".encode() for name in apple]
    keys = box(b"keys", struct.pack(">II", 0, len(names)), *(box(b"mdta", n) for n in names))
    items = [
        box(struct.pack(">I", i), box(b"data", struct.pack(">II", 1, 0), value.encode()))
        for i, value in enumerate(apple.values(), start=1)
    ]
    meta = box(b"meta", keys, box(b"ilst", *items)) if apple else b""
    return box(b"ftyp", b"qt  ") + box(b"wide") + box(b"moov", mvhd, meta)
