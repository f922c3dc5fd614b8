"""The error that a person can do something about."""

from __future__ import annotations


class UsageError(ValueError):
    """The command cannot do what was asked; nothing was touched."""
