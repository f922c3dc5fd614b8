"""The options of a run as the fields of a form, and what a person filled in as a command.

All of it comes from the options themselves, as the help of the command line does.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from dupimg.options.analysis_options import EmbeddingOptions, RunOptions
from dupimg.options.command_text import written_command
from dupimg.options.converters import SEPARATOR
from dupimg.options.fields import COMMAND_LINE_ONLY, Options, ordered_fields
from dupimg.options.run_options import AddOptions, ApplyOptions, PlanOptions, UndoOptions
from dupimg.options.tool_options import TuneOptions

# What has a place of its own in the form, or none in an app.
_ELSEWHERE = COMMAND_LINE_ONLY | {
    "input_dir",
    "protect",
    "output_dir",
    "quiet",
    "only",
    "layout",
    "scheduler",
}

_GROUPS = {PlanOptions: "choosing", RunOptions: "comparing", EmbeddingOptions: "reading"}

FORMS: dict[str, type[Options]] = {
    "plan": PlanOptions,
    "apply": ApplyOptions,
    "add": AddOptions,
    "undo": UndoOptions,
    "tune": TuneOptions,
}


def advanced_fields() -> list[dict[str, Any]]:
    """Return the advanced options of a run: name, kind, help line, default and group of each."""
    fields = [f for f in ordered_fields(PlanOptions) if f.name not in _ELSEWHERE]
    return [_described(field) for field in fields]


def _described(field: dataclasses.Field) -> dict[str, Any]:
    owner = next(c for c in PlanOptions.__mro__ if field.name in inspect.get_annotations(c))
    values = field.metadata["values"]
    is_choice = field.metadata["accepts"].startswith("{")
    default = field.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    kind = "flag" if field.type == "bool" else "choice" if is_choice else "text"
    return {
        "name": field.name,
        "kind": kind,
        "about": field.metadata["about"],
        "default": default,
        "no_value": field.metadata["no_value"],
        "choices": values.split("|") if is_choice else [],
        "group": _GROUPS.get(owner, "reading"),
    }


def filled_in(verb: str, values: dict[str, Any]) -> tuple[Options, str]:
    """Return the options that a form was filled in with, and the command that does the same.

    Raises
    ------
    UsageError
        A value is wrong; the error names its field.
    """
    options = FORMS[verb]
    fields = {field.name: field for field in dataclasses.fields(options)}
    given = {
        name: _taken(value, fields[name])
        for name, value in values.items()
        if name in fields and value not in ("", None, [])
    }
    built = options(**given)
    return built, written_command(verb, built)


def _taken(value: Any, field: dataclasses.Field) -> Any:
    """Return several folders where the option takes them; else the first."""
    if not isinstance(value, list):
        return value
    if field.metadata["many"]:
        return SEPARATOR.join(value)
    return value if isinstance(field.default, tuple) else value[0]
