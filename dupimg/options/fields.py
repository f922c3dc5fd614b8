"""What options are made of: fields that carry their converter and their help line.

The command line, its help and the Python API have one source. Values arrive as strings from the
command line and as objects from Python.
"""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any

from dupimg.errors import UsageError
from dupimg.options.converters import Converter, optional, to_flag, to_text, to_whole_number


def option(
    convert: Converter,
    about: str,
    *,
    default: Any = dataclasses.MISSING,
    no_value: str = "",
    values: str = "",
    aliases: tuple[str, ...] = (),
    positional: bool = False,
) -> Any:
    """Declare one field: converter, help line, default (and what None means), values, aliases."""
    return dataclasses.field(
        default=default,
        kw_only=not positional,
        metadata={
            "convert": convert,
            "about": about,
            "no_value": no_value,
            "values": values,
            "aliases": aliases,
        },
    )


@dataclass(frozen=True)
class Options:
    """Base of all options: converts and checks each field as it is stored."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            try:
                converted = field.metadata["convert"](value)
            except ValueError as error:
                expected, *hint = error.args
                raise UsageError(
                    f"Got {field.name}={value!r}, expected {expected}.{''.join(hint)}"
                ) from None
            object.__setattr__(self, field.name, converted)


def ordered_fields(options: type[Options]) -> tuple[dataclasses.Field, ...]:
    """Return the fields of options: positional ones, its own, then those that others share."""
    own = inspect.get_annotations(options)
    return tuple(
        sorted(
            dataclasses.fields(options),
            key=lambda field: (field.kw_only, field.name not in own),
        )
    )


def debug_option() -> Any:
    """Declare `debug`, for errors with their traceback."""
    return option(to_flag, "show the whole traceback of an error", default=False)


def jobs_option() -> Any:
    """Declare `jobs`, the number of threads."""
    return option(
        optional(to_whole_number(1, 1024)),
        "threads that read, decode and copy",
        default=None,
        no_value="one for each core",
        values="THREADS",
    )


def cache_option(what: str = "what was read and embedded; none: nothing is") -> Any:
    """Declare `cache`, the file that remembers `what`."""
    return option(
        optional(to_text),
        f"remembers {what}",
        default=None,
        no_value="a file in your cache folder",
        values="FILE|none",
    )


def quiet_option() -> Any:
    """Declare `quiet`, for a run without output."""
    return option(to_flag, "no progress bars and no summary", default=False)
