"""Read XMP, which Lightroom, darktable, digiKam and scanners write into photos or sidecars.

A packet is untrusted XML: it is parsed as a stream without entities and external files, and with
limits on size and depth. Only properties of the photo itself are read, not those of its history or
its ingredients.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection
from typing import Any
from xml.sax import SAXException, handler

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

# A sidecar with brush strokes and masks may take some megabytes.
LONGEST_PACKET = 8_000_000
_MOST_LEVELS = 64
_LONGEST_TEXT = 10_000
_CHUNK = 1 << 16

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ROOT, _DESCRIPTION, _ITEM = (_RDF, "RDF"), (_RDF, "Description"), (_RDF, "li")
_NAMESPACES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://purl.org/dc/elements/1.1/": "dc",
}

Name = tuple[str | None, str]


def read_xmp(packet: bytes, names: Collection[str]) -> dict[str, str]:
    """Return properties of an XMP packet.

    Parameters
    ----------
    packet : bytes
        UTF-8 or UTF-16.
    names : collection of str
        The wanted properties, such as ``exif:DateTimeOriginal``, with the usual prefixes.

    Returns
    -------
    dict of str to str
        The properties found; the items of a list are separated by line breaks. A broken packet
        gives those before the error, a hostile one none.

    Examples
    --------
    >>> read_xmp(
    ...     b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    ...     b"<rdf:Description xmlns:x='http://ns.adobe.com/xap/1.0/' x:Rating='3'/></rdf:RDF>",
    ...     {"xmp:Rating"},
    ... )
    {'xmp:Rating': '3'}
    """
    if len(packet) > LONGEST_PACKET:
        return {}
    properties = _Properties(names)
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setFeature(handler.feature_namespaces, True)
    parser.setContentHandler(properties)
    try:
        source = io.BytesIO(packet)
        with contextlib.suppress(SAXException):
            while chunk := source.read(_CHUNK):
                parser.feed(chunk)
    except (DefusedXmlException, ValueError, LookupError):
        return {}
    return {name: text.strip() for name, text in properties.found.items()}


class _Properties(handler.ContentHandler):
    """Collects properties: attributes of the photo's descriptions, and the text of elements."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._names = frozenset(names)
        self._path: list[Name] = []

    def startElementNS(self, name: Name, qname: str | None, attrs: Any) -> None:
        if len(self._path) >= _MOST_LEVELS:
            raise SAXException("too deep")
        if name == _DESCRIPTION and self._path[-1:] == [_ROOT]:
            for attribute, value in attrs.items():
                self._take(attribute, value)
        self._path.append(name)
        if name == _ITEM:
            self.characters("\n")

    def endElementNS(self, name: Name, qname: str | None) -> None:
        self._path.pop()

    def characters(self, content: str) -> None:
        for level in range(2, len(self._path)):
            if self._path[level - 2 : level] == [_ROOT, _DESCRIPTION]:
                self._take(self._path[level], content)
                return

    def _take(self, name: Name, text: str) -> None:
        known = f"{_NAMESPACES.get(name[0] or '')}:{name[1]}"
        if known in self._names:
            self.found[known] = (self.found.get(known, "") + text)[:_LONGEST_TEXT]
