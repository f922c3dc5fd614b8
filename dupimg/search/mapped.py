"""Arrays in files: read a part at a time, so that memory holds no more than that part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MappedArray:
    """A matrix in a file, row by row, of which rows are read as they are asked for.

    A memory map counts every page that was ever looked at as memory of the process, and rows here
    and there come slowly through it. So rows are read, not mapped. Pickling takes the name of
    the file along, so that another process reads its own part, on a shared disk even another
    machine.

    Attributes
    ----------
    filename : str
    dtype : dtype
    shape : tuple of int
    offset : int
        Bytes before the first row.
    """

    filename: str
    dtype: np.dtype
    shape: tuple[int, int]
    offset: int

    @classmethod
    def of(cls, array: NDArray) -> MappedArray | None:
        """Find the file behind an array; None if it is in memory, or changed there alone.

        Examples
        --------
        >>> MappedArray.of(np.zeros((2, 3))) is None
        True
        """
        mapped = array
        while isinstance(mapped.base, np.ndarray):
            mapped = mapped.base
        if not isinstance(mapped, np.memmap) or mapped.filename is None or mapped.mode == "c":
            return None
        if array.ndim != 2 or not array.flags.c_contiguous or not Path(mapped.filename).exists():
            return None
        skipped = array.__array_interface__["data"][0] - mapped.__array_interface__["data"][0]
        return cls(str(mapped.filename), array.dtype, array.shape, mapped.offset + skipped)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray:
        """Read rows into memory.

        Raises
        ------
        OSError
            The file is gone, or shorter than it was.
        """
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            taken, pieces = np.empty((max(0, stop - start), self.shape[1]), self.dtype), [start]
            buffers = [taken]
        else:
            taken, pieces = np.empty((len(rows), self.shape[1]), self.dtype), rows.tolist()
            buffers = taken
        with open(self.filename, "rb", buffering=0) as file:  # noqa: PTH123
            for row, buffer in zip(pieces, buffers, strict=True):
                file.seek(self.offset + row * self.shape[1] * self.dtype.itemsize)
                if file.readinto(buffer) != buffer.nbytes:
                    raise OSError(f"Got {self.filename}, which has become shorter since.")
        return taken
