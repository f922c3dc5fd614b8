"""Serve the photos of a plan, and no other files, to the page of a review."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from flask import Response, abort, send_file
from numpy.typing import NDArray

from dupimg.files.images import UnreadablePhoto
from dupimg.files.inputs import Inputs
from dupimg.files.large_view import LargeView, large_view, whole_view
from dupimg.files.previews import PreviewFolder
from dupimg.files.sandbox import Map
from dupimg.files.spots import find_spots
from dupimg.messages import message
from dupimg.plans.record import Record
from dupimg.plans.rows import Row

# Photos do not change as long as a plan is valid.
_CACHING = "private, max-age=3600"

# Refuses a link created between check and opening; Windows has no such flag.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class PhotoViews:
    """The photos of a plan, small and large.

    Parameters
    ----------
    record : Record
    output_dir : Path
    decode : callable
        See `dupimg.files.sandbox.Sandbox.map`.
    placed : callable, optional
        Returns the current place of a file below the output folder, or an empty text if it is
        still in its input folder.
    """

    def __init__(
        self,
        record: Record,
        output_dir: Path,
        decode: Map,
        placed: Callable[[str], str] = lambda path: "",
    ) -> None:
        self._rows, self._placed = record.rows, placed
        self._inputs, self._output_dir = record.run.inputs, output_dir
        self._decode = decode
        self._previews = PreviewFolder(output_dir)
        self._digests = {row.digest for row in record.rows if row.is_photo}

    def thumb(self, digest: str) -> Response:
        """Answer with the preview of a photo.

        403 if the plan has no such photo, 404 if it has no preview.
        """
        if digest not in self._digests:
            abort(403, "Got a digest of no photo of the plan.")
        file = self._previews.file(digest)
        if not file.is_file():
            abort(404, "This photo has no small picture.")
        return _cacheable(send_file(file.resolve(), mimetype="image/jpeg"))

    def whole(self, number: int) -> Response:
        """Like `photo`, but at full size."""
        return self.photo(number, whole_view)

    def photo(self, number: int, view_of: Callable[[Path], LargeView] = large_view) -> Response:
        """Answer with the photo of a row, counted from 0, in a format for browsers.

        A video is sent unchanged. 403 if it is neither, or not in the folders of the plan; 404 with
        the reason if it cannot be shown.
        """
        if number >= len(self._rows) or not self._rows[number].is_media:
            abort(403, "Got the number of no photo of the plan.")
        row = self._rows[number]
        path = self._path(row)
        if row.is_video:
            return self._send(row, path, mimetypes.guess_type(path.name)[0] or "video/mp4")
        (view,) = self._decode(view_of, [path])
        if isinstance(view, UnreadablePhoto):
            abort(404, f"{row.path}: {view}")
        if view.content is not None:
            return _cacheable(Response(view.content, mimetype=view.mimetype))
        return self._send(row, path, view.mimetype)

    def spots(self, first: int, second: int) -> NDArray[np.float64]:
        """Return the spots in which two photos of the plan differ, see `find_spots`.

        No spots if one of them cannot be read; 403 and 404 as for `photo`.
        """
        paths = [self._path(self._rows[number]) for number in (first, second)]
        (found,) = self._decode(_find_spots, [paths])
        return found if isinstance(found, np.ndarray) else np.empty((0, 4))

    def _send(self, row: Row, path: Path, mimetype: str) -> Response:
        """Answer with the unchanged content of a file."""
        try:
            # Opened here, because a name that is not UTF-8 does not fit into a header.
            file = os.fdopen(os.open(path, os.O_RDONLY | _NO_LINK), "rb")
        except OSError as error:
            abort(404, f"{row.path}: cannot open the file: {error.strerror}")
        return _cacheable(send_file(file, mimetype=mimetype))

    def _path(self, row: Row) -> Path:
        """Return the path of a photo; 403 unless it is a regular file in the plan's folders."""
        if row.earlier:
            return plain_file(self._output_dir, row.earlier)
        if not (self._inputs / row.path).exists() and (placed := self._placed(row.path)):
            return plain_file(self._output_dir, placed)
        return input_file(self._inputs, row.path)


def input_file(inputs: Inputs, path: str) -> Path:
    """Return the file of a row in its input folder; see `plain_file`."""
    return plain_file(inputs.root(path), inputs.inside(path))


def plain_file(root: Path, path: str) -> Path:
    """Return a file below a folder; 403 if it is no regular file, 404 if it is gone."""
    inside = Path(path)
    place = root / inside
    links = [place, *place.parents][: len(inside.parts)]
    if inside.is_absolute() or ".." in inside.parts or any(p.is_symlink() for p in links):
        abort(403, "Got a photo outside the folder of the plan.")
    if not place.exists():
        abort(404, message("why.gone", path=path))
    if not stat.S_ISREG(place.lstat().st_mode):
        abort(403, "Got what is no plain file any more.")
    return place


def _find_spots(paths: Sequence[Path]) -> NDArray[np.float64] | None:
    return find_spots(*paths)


def _cacheable(response: Response) -> Response:
    response.headers["Cache-Control"] = _CACHING
    return response
