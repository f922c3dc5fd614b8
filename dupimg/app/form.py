"""Convert the options of a run to form fields, and a filled-in form to a command.

Both are derived from the option classes, like the help of the command line.
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

# Options that have their own place in the form, or do not apply to the app.
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
    """Return the advanced options of a run with name, kind, help line, default and group."""
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
    """Return the options of a filled-in form, and the equivalent command.

    Raises
    ------
    UsageError
        A value is wrong; the error names its field.
    """
    options = FORMS[verb]
    fields = {field.name: field for field in dataclasses.fields(options)}
    given = {
        name: _convert(value, fields[name])
        for name, value in values.items()
        if name in fields and value not in ("", None, [])
    }
    built = options(**given)
    return built, written_command(verb, built)


def _convert(value: Any, field: dataclasses.Field) -> Any:
    """Convert a form value: only options that take several folders keep all of a list."""
    if not isinstance(value, list):
        return value
    if field.metadata["many"]:
        return SEPARATOR.join(value)
    return value if isinstance(field.default, tuple) else value[0]
