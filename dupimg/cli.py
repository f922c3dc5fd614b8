"""The command line: python-fire collects the options, then the work begins.

Fire calls its target before it notices an unknown option, and turns words like ``2024``, ``a,b``
or ``photos#1`` into numbers, tuples and worse. Here its targets only build options out of plain
strings, and what it would stumble over is checked first.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from dupimg import __version__
from dupimg.options import (
    ApplyOptions,
    DemoOptions,
    EvaluateOptions,
    FitHeadOptions,
    ModelsOptions,
    Options,
    OrganizeOptions,
    PlanOptions,
    StatusOptions,
    UndoOptions,
    UsageError,
    did_you_mean,
)

if TYPE_CHECKING:
    from dupimg.result import Result


@dataclass(frozen=True)
class Command:
    """A verb: what it takes, and what it does with that."""

    options: type[Options]
    run: Callable[[Any], int]

    @property
    def fields(self) -> tuple[dataclasses.Field, ...]:
        """Fields of the options: positional ones, its own, then those that others share."""
        own = inspect.get_annotations(self.options)
        return tuple(
            sorted(
                dataclasses.fields(self.options),
                key=lambda field: (field.kw_only, field.name not in own),
            )
        )

    @property
    def names(self) -> dict[str, str]:
        """Every way to write an option → the name of its field."""
        written = {field.name: field.name for field in self.fields}
        for field in self.fields:
            written |= dict.fromkeys(field.metadata["aliases"], field.name)
        return written


def _organize(options: OrganizeOptions) -> int:
    from dupimg.runs import organize

    return _report(organize(options), quiet=options.quiet)


def _evaluate(options: EvaluateOptions) -> int:
    from dupimg.evaluation import evaluate

    say(evaluate(options).to_text())
    return 0


def _fit_head(options: FitHeadOptions) -> int:
    from dupimg.fitting import fit_on_folder

    head = fit_on_folder(options)
    if not options.quiet:
        say(f"{options.output}: {head.fingerprint}, fitted on {head.fitted_on}")
    return 0


def _demo(options: DemoOptions) -> int:
    from dupimg.demo import run_demo

    return run_demo(options)


def _models(options: ModelsOptions) -> int:
    from dupimg.models import fetch_weights, get_model, models_table

    if options.action == "fetch":
        if not options.name:
            raise UsageError("Got `models fetch` without a name, expected `models fetch NAME`.")
        say(f"{options.name}: ready, {fetch_weights(get_model(options.name))}")
    else:
        say(models_table())
    return 0


def _plan(options: PlanOptions) -> int:
    from dupimg.runs import plan

    return _report(plan(options), quiet=options.quiet)


def _apply(options: ApplyOptions) -> int:
    from dupimg.runs import apply

    return _report(apply(options, announce=_silent if options.quiet else say), quiet=options.quiet)


def _undo(options: UndoOptions) -> int:
    from dupimg.result import UNDO_REPORT
    from dupimg.undo import undo

    outcomes = undo(options)
    left = sum(outcome.result == "left" for outcome in outcomes)
    if not options.quiet:
        say(f"taken back {len(outcomes) - left:>8,} files")
        say(f"left       {left:>8,} files, changed since or without their original")
        say(f"report     {options.output_dir / UNDO_REPORT}")
    return 1 if left else 0


def _status(options: StatusOptions) -> int:
    from dupimg.undo import status

    say(status(options.output_dir))
    return 0


def _report(result: Result, *, quiet: bool) -> int:
    if not quiet:
        say(result.summary())
    return 1 if result.failures else 0


def _silent(text: str) -> None:
    """Say nothing."""


def say(text: str, *, file: TextIO | None = None) -> None:
    """Print, with what could steer a terminal made visible: names may hold escape codes."""
    print(re.sub(r"[^\n]", _visible, text), file=file)


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    return character if character.isprintable() else ascii(character)[1:-1]


COMMANDS = {
    "organize": Command(OrganizeOptions, _organize),
    "plan": Command(PlanOptions, _plan),
    "apply": Command(ApplyOptions, _apply),
    "undo": Command(UndoOptions, _undo),
    "status": Command(StatusOptions, _status),
    "demo": Command(DemoOptions, _demo),
    "models": Command(ModelsOptions, _models),
    "evaluate": Command(EvaluateOptions, _evaluate),
    "fit_head": Command(FitHeadOptions, _fit_head),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``dupimg``; those of the command line by default.

    Returns
    -------
    int
        Exit status: 0 done, 1 something failed, 2 refused before anything was touched,
        130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a letter shows its code
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return _run(words)
    except BrokenPipeError:  # `dupimg … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("dupimg: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if debug:
            say(traceback.format_exc().rstrip(), file=sys.stderr)
        refused = isinstance(error, UsageError)
        say(f"dupimg: {error if refused else _describe(error)}", file=sys.stderr)
        return 2 if refused else 1


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error} (--debug shows where)"


def _run(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        print(general_help())
        return 0
    if words[0] in ("--version", "-V"):
        print(f"dupimg {__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        raise UsageError(
            f"Got the command {name!r}, expected one of {', '.join(COMMANDS)}."
            + did_you_mean(name, COMMANDS)
        )
    before_separator = rest[: rest.index("--")] if "--" in rest else rest
    if {"--help", "-h"} & set(before_separator):
        print(command_help(name))
        return 0
    command = COMMANDS[name]
    return command.run(collect_options(name, command, rest))


def collect_options(name: str, command: Command, words: Sequence[str]) -> Options:
    """Let python-fire build the options of a command out of its words.

    Parameters
    ----------
    name : str
        Of the command, for messages.
    command : Command
    words : sequence of str
        The words after the command. Those after ``--`` are taken as they are, not as options.

    Returns
    -------
    Options

    Raises
    ------
    UsageError
        A word or an option too many or too few, or a value that is not usable.
    """
    import fire
    from fire.decorators import SetParseFn

    def build(**values: str) -> Options:
        return command.options(**values)

    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if field.default is dataclasses.MISSING else field.default,
        )
        for field in command.fields
    ]
    build.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flags = _as_flags(name, command, words)
    return fire.Fire(SetParseFn(str)(build), command=flags, name=name, serialize=lambda _: None)


def _as_flags(name: str, command: Command, words: Sequence[str]) -> list[str]:
    """Write every word as ``--field=value``, the one form that fire takes as it stands."""
    values: dict[str, str] = {}
    positional = [field.name for field in command.fields if not field.kw_only]
    waiting = list(words)
    only_positional = False
    while waiting:
        word = waiting.pop(0)
        if word == "--" and not only_positional:
            only_positional = True
            continue
        if word.startswith("--") and not only_positional:
            field, value = _flag(name, command, word, waiting)
        else:
            free = [field for field in positional if field not in values]
            if not free:
                raise UsageError(
                    f"Got {word!r} after {len(positional)} folder names or words, expected only "
                    f"options there. See `dupimg {name} --help`."
                )
            field, value = free[0], word
        if field in values:
            raise UsageError(f"Got --{field} twice, expected it once.")
        values[field] = value
    for field in command.fields:
        if field.default is dataclasses.MISSING and field.name not in values:
            raise UsageError(
                f"Got no {field.name}, expected {field.metadata['about']}. "
                f"See `dupimg {name} --help`."
            )
    return [f"--{field}={value}" for field, value in values.items()]


def _flag(name: str, command: Command, word: str, waiting: list[str]) -> tuple[str, str]:
    """Split ``--name=value``, ``--name value`` or a mere ``--name``."""
    written, equals, value = word[2:].partition("=")
    known = command.names
    field_name = known.get(written.replace("-", "_"))
    if field_name is None:
        near = did_you_mean(f"--{written}", [f"--{known_name}" for known_name in known])
        raise UsageError(
            f"Got --{written}, which `dupimg {name}` does not know.{near} "
            f"`dupimg {name} --help` lists all options."
        )
    field = next(field for field in command.fields if field.name == field_name)
    if equals:
        return field_name, value
    if field.type == "bool":
        return field_name, "yes"
    if not waiting:
        raise UsageError(f"Got --{written} without a value, expected --{written}=VALUE.")
    return field_name, waiting.pop(0)


def general_help() -> str:
    """Return the text of ``dupimg --help``."""
    width = max(map(len, COMMANDS))
    lines = [
        "dupimg finds duplicate photos and puts photos of the same scene side by side.",
        "",
        "usage: dupimg COMMAND …",
        "",
        *(f"  {name:<{width}}  {_first_line(command)}" for name, command in COMMANDS.items()),
        "",
        "Begin with `dupimg demo`, then `dupimg organize YOUR_PHOTOS NEW_FOLDER`.",
        "`dupimg COMMAND --help` lists the options of a command.",
    ]
    return "\n".join(lines)


def _first_line(command: Command) -> str:
    return (command.options.__doc__ or "").split("\n")[0]


def command_help(name: str) -> str:
    """Return the text of ``dupimg NAME --help``: one line for each option."""
    command = COMMANDS[name]
    shown = [(_usage(field), _about(field)) for field in command.fields]
    width = max(len(usage) for usage, _ in shown)
    positional = [field for field in command.fields if not field.kw_only]
    words = " ".join(_in_usage(field) for field in positional)
    lines = [
        f"usage: dupimg {name} {words} [--OPTION=VALUE …]",
        "",
        textwrap.dedent(f"    {command.options.__doc__}").strip(),
        "",
        *(f"  {usage:<{width}}  {about}" for usage, about in shown),
    ]
    return "\n".join(lines)


def _in_usage(field: dataclasses.Field) -> str:
    name = field.name.upper()
    return name if field.default is dataclasses.MISSING else f"[{name}]"


def _usage(field: dataclasses.Field) -> str:
    if not field.kw_only:
        return field.name.upper()
    values = field.metadata["values"]
    return f"--{field.name}" + (f"={values}" if values else "")


def _about(field: dataclasses.Field) -> str:
    about = field.metadata["about"]
    if field.default is dataclasses.MISSING:
        return f"{about} (required)"
    if field.type == "bool":
        default = "yes" if field.default else "no"
    elif isinstance(field.default, tuple):
        default = ",".join(field.default)
    else:
        default = field.metadata["no_value"] if field.default is None else str(field.default)
    return f"{about} (default: {default})" if default else about
