"""Declare options as dataclass fields with a converter and a help line.

They are the single source for the command line, its help and the Python API. Values are strings
from the command line and objects from Python.
"""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any

from dupimg.errors import UsageError
from dupimg.messages import message
from dupimg.options.converters import Converter, one_of, optional, to_flag, to_text, to_whole_number
from dupimg.wording import hinted


def option(
    convert: Converter,
    about: str,
    *,
    default: Any = dataclasses.MISSING,
    no_value: str = "",
    values: str = "",
    accepts: str = "",
    aliases: tuple[str, ...] = (),
    positional: bool = False,
    many: bool = False,
) -> Any:
    """Declare the field of an option.

    Parameters
    ----------
    convert : callable
        Converts a word or an object to the value, see `dupimg.options.converters`.
    about : str
        The help line.
    default : object
        Without one, the option is required.
    no_value : str
        Description of the default None for the help.
    values : str
        Placeholder after the equals sign in the help.
    accepts : str
        Accepted types for the API documentation, if they differ from the type of the field.
    aliases : tuple of str
        Other names on the command line.
    positional : bool, default=False
        Whether the name may be left out.
    many : bool, default=False
        Whether the field takes several words, which the command line joins by `SEPARATOR`. Only
        one positional field may.
    """
    return dataclasses.field(
        default=default,
        kw_only=not positional,
        metadata={
            "convert": convert,
            "about": about,
            "no_value": no_value,
            "values": values,
            "accepts": accepts,
            "aliases": aliases,
            "many": many,
        },
    )


def choice(*words: str, about: str, **more: Any) -> Any:
    """Declare a field that takes one of these words; the first is the default."""
    accepts = f"{{{', '.join(map(repr, words))}}}"
    more = {"default": words[0], "values": "|".join(words), "accepts": accepts} | more
    return option(one_of(*words), about, **more)


def cache_option(
    what: str = "what was read and embedded; none: nothing is",
    *,
    no_value: str = "a file in your cache folder",
) -> Any:
    """Declare `cache`, the file that stores `what`; `no_value` describes None."""
    return option(
        optional(to_text),
        f"remembers {what}",
        default=None,
        no_value=no_value,
        values="FILE|none",
        accepts="str",
    )


def quiet_option() -> Any:
    """Declare `quiet`, for a run without output."""
    return option(to_flag, "no progress bars and no summary", default=False)


# Options about the output of a command, which the API functions do not take.
COMMAND_LINE_ONLY = frozenset({"debug", "json", "yes"})


@dataclass(frozen=True)
class Options:
    """Base of all options: converts and checks every field."""

    debug: bool = option(to_flag, "show the whole traceback of an error", default=False)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            try:
                converted = field.metadata["convert"](value)
            except ValueError as error:
                wanted = hinted(*error.args)
                told = message(
                    "refused.value", field=field.name, value=repr(value), expected=wanted
                )
                raise UsageError(told, field=field.name) from None
            object.__setattr__(self, field.name, converted)

    def as_keywords(self) -> dict[str, Any]:
        """Return the values by name, without `COMMAND_LINE_ONLY` ones."""
        return {name: value for name, value in vars(self).items() if name not in COMMAND_LINE_ONLY}


@dataclass(frozen=True)
class ScriptOptions(Options):
    """The options of every command for scripts."""

    json: bool = option(
        to_flag, "one JSON object in place of the summary: counts, paths, times", default=False
    )
    yes: bool = option(to_flag, "answer yes to every question", default=False)


@dataclass(frozen=True)
class WorkOptions(Options):
    """The options of every command with heavy work."""

    jobs: int | None = option(
        optional(to_whole_number(1, 1024)),
        "threads that read, decode and copy",
        default=None,
        no_value="one for each core",
        values="THREADS",
    )
    quiet: bool = quiet_option()


def ordered_fields(options: type[Options]) -> tuple[dataclasses.Field, ...]:
    """Return the fields of options: positional ones, own ones, then those of base classes."""
    classes = options.__mro__

    def place(field: dataclasses.Field) -> tuple[bool, int]:
        owners = (i for i, c in enumerate(classes) if field.name in inspect.get_annotations(c))
        return bool(field.kw_only), next(owners)

    return tuple(sorted(dataclasses.fields(options), key=place))
