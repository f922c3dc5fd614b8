"""Write options as a command line."""

from __future__ import annotations

import shlex
from typing import Any

from dupimg.options.fields import COMMAND_LINE_ONLY, Options, ordered_fields


def written_command(verb: str, options: Options) -> str:
    """Return the command line for options.

    Parameters
    ----------
    verb : str
    options : Options

    Returns
    -------
    str
        Quoted for a shell, without default values and options that only affect the output.

    Examples
    --------
    >>> from dupimg.options.run_options import OrganizeOptions
    >>> written_command("organize", OrganizeOptions("my photos", "out", process_mode="move"))
    "dupimg organize 'my photos' out --process_mode=move"
    """
    words = ["dupimg", verb]
    for field in ordered_fields(type(options)):
        value = getattr(options, field.name)
        default = field.default
        if isinstance(default, str):  # such as 6h
            default = field.metadata["convert"](default)
        if value == default or field.name in COMMAND_LINE_ONLY | {"quiet"}:
            continue
        if field.metadata["many"] and not any(str(part).startswith("--") for part in value):
            words += map(str, value)
            continue
        flag = field.kw_only or str(value).startswith("--") or field.metadata["many"]
        words.append(f"--{field.name}={_as_word(value)}" if flag else str(value))
    return shlex.join(words)


def _as_word(value: Any) -> str:
    """Return the value of an option as its converter reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
