"""Detect a lost disk or share, as files would go to its empty mount point."""

from __future__ import annotations

import errno
from pathlib import Path

from dupimg.files.inputs import Inputs
from dupimg.messages import message


class Folders:
    """The identities of the input folders and the output folder at creation.

    Parameters
    ----------
    inputs : Inputs
    output_dir : Path
    """

    def __init__(self, inputs: Inputs, output_dir: Path) -> None:
        self._output_dir = output_dir
        self._places = {folder: _place_of(folder) for folder in (*inputs.places, output_dir)}

    def check(self, command: str = "") -> None:
        """Raise OSError if one of them has vanished.

        Parameters
        ----------
        command : str, optional
            The command to resume with when the folder is back, for the error.
        """
        for folder, before in self._places.items():
            # The empty input folder of an earlier run may have been deleted.
            if before is not None and _place_of(folder) != before:
                told = message("why.folder_vanished", folder=str(folder))
                if command:
                    told = message("why.can_go_on_later", why=told, command=f"`{command}`")
                raise OSError(errno.ENODEV, told)

    @property
    def has_output(self) -> bool:
        """Whether the output folder is still the same."""
        return _place_of(self._output_dir) == self._places[self._output_dir]

    def check_output(self) -> None:
        """Raise OSError if the output has vanished."""
        if not self.has_output:
            self.check()


def _place_of(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
