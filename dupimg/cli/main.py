"""The commands of ``dupimg``, and their exit statuses."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from dupimg import __version__
from dupimg.cli.commands import Command, collect_options
from dupimg.cli.help import command_help, general_help
from dupimg.errors import UsageError
from dupimg.options.run_options import (
    AddOptions,
    ApplyOptions,
    OrganizeOptions,
    PlanOptions,
    ReviewOptions,
    StatusOptions,
    UndoOptions,
)
from dupimg.options.tool_options import (
    BenchmarkOptions,
    DemoOptions,
    EvaluateOptions,
    FitHeadOptions,
    ModelsOptions,
    TuneOptions,
)
from dupimg.wording import did_you_mean, plural

if TYPE_CHECKING:
    from dupimg.runs.result import Result


def _organize(options: OrganizeOptions) -> int:
    from dupimg.runs.organize import organize

    return _report(organize(options), quiet=options.quiet)


def _tune(options: TuneOptions) -> int:
    from dupimg.tuning.tune import tune

    tuned = tune(options, say=say)
    if not options.quiet:
        say(tuned.to_text())
    return 0


def _evaluate(options: EvaluateOptions) -> int:
    from dupimg.evaluation.evaluate import evaluate

    say(evaluate(options).to_text())
    return 0


def _fit_head(options: FitHeadOptions) -> int:
    from dupimg.model.fitting import fit_on_folder

    head = fit_on_folder(options)
    if not options.quiet:
        say(f"{options.output}: {head.fingerprint}, fitted on {head.fitted_on}")
    return 0


def _benchmark(options: BenchmarkOptions) -> int:
    from dupimg.benchmarks.table import table_text

    if options.what == "photos":
        from dupimg.benchmarks.photos import benchmark

        say(table_text(benchmark(options)))
    elif options.stretch is None:
        from dupimg.benchmarks.search import benchmark_search

        say(table_text(benchmark_search(options)))
    else:
        from dupimg.benchmarks.stretch import benchmark_stretch

        table = benchmark_stretch(options)
        say(table.to_string(index=False, float_format="{:.2f}".format))
    return 0


def _demo(options: DemoOptions) -> int:
    from dupimg.demo import run_demo

    return run_demo(options)


def _models(options: ModelsOptions) -> int:
    from dupimg.model.models import fetch_weights, get_model, models_table

    if options.action == "fetch":
        if not options.name:
            raise UsageError("Got `models fetch` without a name, expected `models fetch NAME`.")
        say(f"{options.name}: ready, {fetch_weights(get_model(options.name))}")
    else:
        say(models_table())
    return 0


def _plan(options: PlanOptions) -> int:
    from dupimg.runs.plan import plan

    return _report(plan(options), quiet=options.quiet)


def _review(options: ReviewOptions) -> int:
    from dupimg.review.review_server import review

    result = review(options, announce=say)
    return _report(result, quiet=False) if result else 0


def _apply(options: ApplyOptions) -> int:
    from dupimg.runs.apply import apply

    return _report(apply(options, announce=_silent if options.quiet else say), quiet=options.quiet)


def _add(options: AddOptions) -> int:
    from dupimg.runs.add import add

    return _report(add(options), quiet=options.quiet)


def _undo(options: UndoOptions) -> int:
    from dupimg.runs.result import UNDO_REPORT
    from dupimg.runs.status import status
    from dupimg.runs.undo import undo

    outcomes = undo(options)
    left = sum(outcome.result == "left" for outcome in outcomes)
    if not options.quiet:
        back = len(outcomes) - left
        without = "its" if left == 1 else "their"
        say(f"taken back {back:>8,} {plural(back, 'file')}")
        say(
            f"left       {left:>8,} {plural(left, 'file')}, changed since or without {without} "
            "original"
        )
        say(f"report     {options.output_dir / UNDO_REPORT}")
        say(status(options.output_dir))
    return 1 if left else 0


def _status(options: StatusOptions) -> int:
    from dupimg.runs.status import status

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
    try:
        print(re.sub(r"[^\n]", _visible, text), file=file, flush=True)
    except BrokenPipeError:  # `dupimg … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), (file or sys.stdout).fileno())


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    return character if character.isprintable() else ascii(character)[1:-1]


COMMANDS = {
    "organize": Command(OrganizeOptions, _organize),
    "plan": Command(PlanOptions, _plan),
    "review": Command(ReviewOptions, _review),
    "apply": Command(ApplyOptions, _apply),
    "add": Command(AddOptions, _add),
    "undo": Command(UndoOptions, _undo),
    "status": Command(StatusOptions, _status),
    "demo": Command(DemoOptions, _demo),
    "models": Command(ModelsOptions, _models),
    "tune": Command(TuneOptions, _tune),
    "evaluate": Command(EvaluateOptions, _evaluate),
    "benchmark": Command(BenchmarkOptions, _benchmark),
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
        with warnings.catch_warnings():
            warnings.showwarning = _warnings_shown_once()
            return _run(words)
    except KeyboardInterrupt:
        print("dupimg: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if debug:
            say(traceback.format_exc().rstrip(), file=sys.stderr)
        refused = isinstance(error, UsageError)
        say(f"dupimg: {error if refused else _describe(error)}", file=sys.stderr)
        return 2 if refused else 1


def _warnings_shown_once() -> Callable[..., None]:
    """Return what shows warnings to a person: each once, without the line that it comes from."""
    shown = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            say(f"dupimg: {message}", file=sys.stderr)

    return show


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror == os.strerror(errno.ENOSPC):
        where = f" under {error.filename}" if error.filename else ""
        return (
            f"{error.strerror}{where}. No photo is lost: make room, then run the same command again"
        )
    return f"{type(error).__name__}: {error} (--debug shows where)"


def _run(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        say(general_help(COMMANDS))
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
        say(command_help(name, COMMANDS[name]))
        return 0
    command = COMMANDS[name]
    return command.run(collect_options(name, command, rest))
