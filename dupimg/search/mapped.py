"""Read a memory-mapped array part by part, so that only one part is in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MappedArray:
    """A matrix stored row by row in a file; indexing reads the rows.

    A memory map counts every touched page as memory of the process, and reads scattered rows
    slowly. So rows are read, not mapped. A pickle contains the name of the file, so that another
    process, or another machine with a shared disk, reads its own rows.

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
        """Find the file behind an array; None if it is in memory or a copy-on-write map.

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
            The file is gone or truncated.
        """
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            taken = np.empty((max(0, stop - start), self.shape[1]), self.dtype)
            pieces = [(start, taken)]
        else:
            taken = np.empty((len(rows), self.shape[1]), self.dtype)
            pieces = list(zip(rows.tolist(), taken, strict=True))
        with open(self.filename, "rb", buffering=0) as file:  # noqa: PTH123
            for row, buffer in pieces:
                file.seek(self.offset + row * self.shape[1] * self.dtype.itemsize)
                if file.readinto(buffer.data) != buffer.nbytes:
                    raise OSError(f"Got {self.filename}, which has become shorter since.")
        return taken


# The rows of a search, in memory or in a file.
Matrix: TypeAlias = NDArray | MappedArray
