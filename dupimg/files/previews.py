"""Store the previews of a result for its pages, in ``OUTPUT_DIR/.dupimg/thumbs``."""

from __future__ import annotations

import warnings
from pathlib import Path

from dupimg import progress_file
from dupimg.files.durable import STATE_FOLDER


class PreviewFolder:
    """The previews of the photos of one output folder, by digest.

    Parameters
    ----------
    output_dir : Path

    Notes
    -----
    Previews are made while photos are decoded. They are optional: if they cannot be written, the
    run warns and continues.
    """

    def __init__(self, output_dir: Path) -> None:
        self.path = output_dir / STATE_FOLDER / "thumbs"
        self._gave_up = False

    def file(self, digest: str) -> Path:
        """Return the path of the preview of a content, which may not exist."""
        return self.path / digest[:2] / f"{digest}.jpg"

    def large_file(self, digest: str) -> Path:
        """Return the path of the large preview of a content, which may not exist.

        It exists for some photos that browsers cannot show directly.
        """
        return self.path / "large" / digest[:2] / f"{digest}.jpg"

    def large_bytes(self) -> int:
        """Return the total bytes of the large previews."""
        return sum(file.stat().st_size for file in (self.path / "large").glob("*/*.jpg"))

    def write(self, digest: str, content: bytes) -> None:
        """Write the preview of a content unless it exists."""
        file = self.file(digest)
        if self._gave_up:
            return
        if not file.exists():
            self._write(file, content)
        if not self._gave_up:
            progress_file.tell(preview=str(file))

    def write_large(self, digest: str, content: bytes) -> None:
        """Write the large preview of a content unless it exists."""
        file = self.large_file(digest)
        if not (self._gave_up or file.exists()):
            self._write(file, content)

    def _write(self, file: Path, content: bytes) -> None:
        part = file.with_suffix(".part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(file)
        except OSError as error:
            self._gave_up = True
            warnings.warn(
                f"Small pictures cannot be written to {self.path} ({error.strerror}); the pages "
                "will show names instead.",
                stacklevel=2,
            )
