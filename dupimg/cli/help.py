"""The texts of ``--help``: one line for each option, made of the options themselves."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping

from dupimg.cli.commands import Command


def general_help(commands: Mapping[str, Command]) -> str:
    """Return the text of ``dupimg --help``."""
    width = max(map(len, commands))
    lines = [
        "dupimg finds duplicate photos and puts photos of the same scene side by side.",
        "",
        "usage: dupimg COMMAND …",
        "",
        *(f"  {name:<{width}}  {_first_line(command)}" for name, command in commands.items()),
        "",
        "Begin with `dupimg demo`, then `dupimg organize YOUR_PHOTOS NEW_FOLDER`.",
        "`dupimg COMMAND --help` lists the options of a command.",
    ]
    return "\n".join(lines)


def _first_line(command: Command) -> str:
    return (command.options.__doc__ or "").split("\n")[0]


def command_help(command: Command) -> str:
    """Return the text of ``dupimg COMMAND --help``: one line for each option."""
    shown = [(_usage(field), _about(field)) for field in command.fields]
    width = max(len(usage) for usage, _ in shown)
    positional = [field for field in command.fields if not field.kw_only]
    words = [command.call, *(_in_usage(field) for field in positional), "[--OPTION=VALUE …]"]
    lines = [
        f"usage: {' '.join(words)}",
        "",
        textwrap.dedent(f"    {command.options.__doc__}").strip(),
        "",
        *(f"  {usage:<{width}}  {about}" for usage, about in shown),
    ]
    return "\n".join(lines)


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
        default = ",".join(map(str, field.default))
    else:
        default = field.metadata["no_value"] if field.default is None else str(field.default)
    return f"{about} (default: {default})" if default else about
