"""Permissions in the tests, which may run as root, to whom they do not apply."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from dupimg.messages import templates

NOBODY = 65534


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody for a while, if the tests run as root."""
    if not hasattr(os, "seteuid"):
        pytest.skip("needs POSIX permissions")
    templates()  # nobody may be unable to read them, or the modules that read them
    user = os.geteuid()
    os.seteuid(NOBODY if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)
