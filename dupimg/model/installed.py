"""Check which backends and libraries are installed."""

from __future__ import annotations

import importlib.util
import sys

from dupimg.errors import UsageError
from dupimg.messages import message


class BackendError(UsageError):
    """A backend is not installed, or the processor does not support a precision."""


def is_installed(package: str) -> bool:
    """Return whether a package can be imported, without importing it."""
    return importlib.util.find_spec(package) is not None


def require_torch(library: str, *, by: str) -> None:
    """Check that torch and a library of networks are installed.

    Parameters
    ----------
    library : {"timm", "torchvision"}
        The package that builds the network.
    by : str
        The feature that needs it, for the message.

    Raises
    ------
    BackendError
        One is missing; the message says how to install it.
    """
    if missing := [name for name in ("torch", library) if not is_installed(name)]:
        bundled = getattr(sys, "frozen", False)  # by PyInstaller, so nothing can be installed
        why = message(
            "refused.not_in_program" if bundled else "refused.not_installed",
            option=by,
            packages=" ".join(missing),
        )
        raise BackendError(why)
