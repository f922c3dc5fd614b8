"""Write the texts of ``--help`` from the option classes, at most 80 columns wide."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from collections.abc import Mapping

from dupimg.cli.commands import Command, is_basic

_COLUMNS = 80

# Column of the descriptions, and the longest option that shares a line with its description.
_INDENT, _BESIDE = 28, 25

# With fewer options, the help has no groups.
_FEWEST_TO_GROUP = 9

EXIT_STATUSES = (
    "Exit status: 0 done; 1 something failed, the summary says what; 2 refused, and",
    "nothing was touched; 130 interrupted, the same command goes on.",
)


def general_help(commands: Mapping[str, Command]) -> str:
    """Return the text of ``dupimg --help``."""
    width = max(map(len, commands))
    lines = [
        "dupimg finds duplicate photos and puts photos of the same scene side by side.",
        "",
        "usage: dupimg COMMAND …",
        "",
        *(_command_lines(name, command, width) for name, command in commands.items()),
        "",
        "Begin with `dupimg demo`, then `dupimg organize YOUR_PHOTOS NEW_FOLDER`.",
        "`dupimg COMMAND --help` lists the options of a command.",
        "",
        *EXIT_STATUSES,
    ]
    return "\n".join(lines)


def _command_lines(name: str, command: Command, width: int) -> str:
    about = (command.options.__doc__ or "").split("\n")[0]
    indent = " " * (width + 4)
    return textwrap.fill(
        about, _COLUMNS, initial_indent=f"  {name:<{width}}  ", subsequent_indent=indent
    )


def command_help(command: Command) -> str:
    """Return the text of ``dupimg COMMAND --help``."""
    positional = [field for field in command.fields if not field.kw_only]
    options = [field for field in command.fields if field.kw_only]
    basic = [field for field in options if is_basic(field.name)]
    groups = {"Basic": basic, "Advanced": [field for field in options if field not in basic]}
    if len(options) < _FEWEST_TO_GROUP:
        groups = {"Options": options}
    words = [command.call, *map(_in_usage, positional), "[--OPTION=VALUE …]"]
    lines = [f"usage: {' '.join(words)}", "", *_paragraphs(command.options), ""]
    lines += [line for field in positional for line in _described(field)]
    for name, fields in groups.items():
        lines += ["", f"{name}:", *(line for field in fields for line in _described(field))]
    return "\n".join(lines)


def _paragraphs(options: type) -> list[str]:
    """Return the description of a command, rewrapped."""
    lines = inspect.cleandoc(options.__doc__ or "").split("\n\n")
    filled = [textwrap.fill(" ".join(paragraph.split()), _COLUMNS) for paragraph in lines]
    return "\n\n".join(filled).split("\n")


def _described(field: dataclasses.Field) -> list[str]:
    """Return the help lines of an option."""
    usage, indent = f"  {_usage(field)}", " " * _INDENT
    # Do not wrap within a default.
    words = _about(field).replace("(default: ", "(default:\xa0")
    about = textwrap.wrap(
        words,
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    about = [line.replace("\xa0", " ") for line in about]
    if len(usage) > _BESIDE:
        return [usage, *about]
    return [f"{usage:<{_INDENT}}{about[0].lstrip()}", *about[1:]]


def _in_usage(field: dataclasses.Field) -> str:
    name = field.name.upper() + " …" * field.metadata["many"]
    return name if field.default is dataclasses.MISSING else f"[{name}]"


def _usage(field: dataclasses.Field) -> str:
    if not field.kw_only:
        return field.name.upper()
    values = "no" if field.type == "bool" and field.default else field.metadata["values"]
    return f"--{field.name}" + (f"={values}" if values else "")


def _about(field: dataclasses.Field) -> str:
    about = field.metadata["about"]
    if field.default is dataclasses.MISSING:
        return f"{about} (required)"
    if field.type == "bool":
        default = "yes" if field.default else "no"
    elif isinstance(field.default, tuple):
        default = ", ".join(map(str, field.default)) or field.metadata["no_value"]
    else:
        default = field.metadata["no_value"] if field.default is None else str(field.default)
    return f"{about} (default: {default})" if default else about
