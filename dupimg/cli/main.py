"""The commands of ``dupimg``, and their exit statuses."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TextIO

import dupimg
from dupimg.cli.commands import Command, collect_options
from dupimg.cli.help import command_help, general_help
from dupimg.errors import UsageError
from dupimg.messages import Message, as_text, message, why
from dupimg.options.fields import Options
from dupimg.options.run_options import (
    AddOptions,
    ApplyOptions,
    OrganizeOptions,
    PlanOptions,
    ReviewOptions,
    StatusOptions,
    TrashOptions,
    UndoOptions,
)
from dupimg.options.tool_options import (
    AppOptions,
    CompareOptions,
    DemoOptions,
    EmbedOptions,
    EvaluateOptions,
    FitHeadOptions,
    ModelsOptions,
    TuneOptions,
)
from dupimg.progress import ProgressBar
from dupimg.progress_file import open_progress_file, progress_file, tell
from dupimg.wording import did_you_mean

# Exit statuses.
DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


class Summarized(Protocol):
    """What a verb returns; what can fail in part has an attribute `failed`, too."""

    def summary(self) -> str:
        """Return the lines that a person reads at the end."""

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""


def _verb(name: str, *, announces: bool = False, asks: bool = False) -> Callable[[Options], int]:
    """Return what calls a function of the public API and shows the summary of its result."""

    def run(options: Any) -> int:
        more: dict[str, Any] = {}
        if announces:
            more["announce"] = None if options.quiet else partial(_announce, file=_aside(options))
        if asks:
            more["confirm"] = partial(confirmed, yes=options.yes or options.quiet)
        result = getattr(dupimg, name)(**options.as_keywords(), **more)
        return _report(result, options)

    return run


def _aside(options: Any) -> TextIO | None:
    """Return where words go that are no result: with --json, only that is on standard output."""
    return sys.stderr if options.json else None


def _announce(told: Message, *, file: TextIO | None) -> None:
    tell(announced=told.to_json())
    say(str(told), file=file)


def _report(result: Summarized, options: Any) -> int:
    status = FAILED if getattr(result, "failed", False) else DONE
    tell(notes=[note.to_json() for note in getattr(result, "notes", ())])
    if options.json:
        _say_json(status, result.to_json())
    elif not getattr(options, "quiet", False):
        say(result.summary())
    return status


def _say_json(status: int, values: dict[str, Any]) -> None:
    print(json.dumps({"status": status} | _without_nan(values), allow_nan=False), flush=True)


def _without_nan(value: Any) -> Any:
    """Return JSON values with null for NaN and infinity, which JSON does not know."""
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _trash(options: TrashOptions) -> int:
    from dupimg.runs.begin import check_run

    check_run(options.output_dir)
    asks = progress_file() is not None or (sys.stdin.isatty() and sys.stderr.isatty())
    if not options.yes and not asks:
        raise UsageError(message("refused.unasked", command=f"`dupimg trash {options.output_dir}`"))
    return _verb("trash", announces=True)(options)


def _review(options: ReviewOptions) -> int:
    from dupimg.review.review_server import review

    result = review(options, announce=say)
    if result is None:
        return DONE
    say(result.summary())
    return FAILED if result.failed else DONE


def _tune(options: TuneOptions) -> int:
    from dupimg.tuning.tune import tune

    tuned = tune(options, say=partial(say, file=_aside(options)))
    found = {"duplicate_threshold": tuned.duplicates, "scene_threshold": tuned.scenes}
    tell(tuned={name: evidence.recommended for name, evidence in found.items()})
    return _report(tuned, options)


def _evaluate(options: EvaluateOptions) -> int:
    from dupimg.evaluation.evaluate import evaluate

    # The table is what a person asks for, also with --quiet.
    return _report(evaluate(options), replace(options, quiet=False))


def _fit_head(options: FitHeadOptions) -> int:
    from dupimg.model.fitting import fit_on_folder

    return _report(fit_on_folder(options), options)


def _demo(options: DemoOptions) -> int:
    from dupimg.demo.demo import run_demo

    return run_demo(options)


def _app(options: AppOptions) -> int:
    from dupimg.app.app import run_app

    run_app(options, announce=say)
    return DONE


def _models(options: ModelsOptions) -> int:
    from dupimg.model.models import MODELS, ModelsTable, fetch_weights, get_model

    if options.action == "list":
        return _report(ModelsTable.of(list(MODELS.values())), options)
    if not options.name:
        raise UsageError("Got `models fetch` without a name, expected `models fetch NAME`.")
    model = get_model(options.name)
    return _report(ModelsTable(((model, fetch_weights(model)),)), options)


def confirmed(question: str, *, yes: bool) -> bool:
    """Ask a person in the app or in a terminal; where there is neither, the answer is yes.

    Parameters
    ----------
    question : str
    yes : bool
        Do not ask.
    """
    if not yes and (asking := progress_file()) is not None:
        return asking.ask(question)
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    say(f"{question} [Y/n] ", file=sys.stderr)
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


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
    name: Command(f"dupimg {name}", options, run)
    for name, options, run in (
        ("organize", OrganizeOptions, _verb("organize", announces=True, asks=True)),
        ("plan", PlanOptions, _verb("plan", announces=True)),
        ("review", ReviewOptions, _review),
        ("apply", ApplyOptions, _verb("apply", announces=True, asks=True)),
        ("add", AddOptions, _verb("add", announces=True, asks=True)),
        ("undo", UndoOptions, _verb("undo")),
        ("trash", TrashOptions, _trash),
        ("status", StatusOptions, _verb("status")),
        ("app", AppOptions, _app),
        ("demo", DemoOptions, _demo),
        ("models", ModelsOptions, _models),
        ("embed", EmbedOptions, _verb("embed")),
        ("compare", CompareOptions, _verb("compare")),
        ("tune", TuneOptions, _tune),
        ("evaluate", EvaluateOptions, _evaluate),
        ("fit_head", FitHeadOptions, _fit_head),
    )
}


def main(argv: Sequence[str] | None = None, command: Command | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``dupimg``; those of the command line by default.
    command : Command, optional
        The command that all words are options of; by default the first word names one of
        `COMMANDS`.

    Returns
    -------
    int
        Exit status: `DONE`, `FAILED`, `REFUSED` before anything was touched, or `INTERRUPTED`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    ProgressBar.unfinished = None  # of an earlier call
    open_progress_file()
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a letter shows its code
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warnings_shown_once()
            return _run(words) if command is None else _run_command(command, words)
    except KeyboardInterrupt:
        return _end(words, INTERRUPTED, f"interrupted{_how_far(words)}")
    except Exception as error:
        if debug:
            say(traceback.format_exc().rstrip(), file=sys.stderr)
        if isinstance(error, UsageError):
            tell(error=[told.to_json() for told in error.messages], field=error.field)
            return _end(words, REFUSED, str(error))
        told = _describe(error)
        tell(error=[told.to_json()])
        return _end(words, FAILED, str(told))


def _how_far(words: Sequence[str]) -> str:
    """Say how far a command came, and what goes on with it."""
    if ProgressBar.unfinished is None:
        return ""
    standing = ProgressBar.unfinished.standing
    forgets = "--cache=none" in words and standing.step in ("reading", "embedding")
    onward = "begins again, for --cache=none remembers nothing" if forgets else "goes on from there"
    return f" at {standing}. The same command {onward}."


def _end(words: Sequence[str], status: int, why: str) -> int:
    """Say why nothing came of a command; to a script as JSON, too."""
    say(f"dupimg: {why}", file=sys.stderr)
    if any(re.fullmatch(r"--json(=(yes|true|1|on))?", word, re.IGNORECASE) for word in words):
        _say_json(status, {"error": why})
    return status


def _warnings_shown_once() -> Callable[..., None]:
    """Return what shows warnings to a person: each once, without the line that it comes from."""
    shown = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            say(f"dupimg: {message}", file=sys.stderr)

    return show


def _describe(error: Exception) -> Message:
    if isinstance(error, OSError) and error.strerror == os.strerror(errno.ENOSPC):
        if error.filename:
            return message("failed.no_space_at", why=why(error), path=str(error.filename))
        return message("failed.no_space", why=why(error))
    if isinstance(error, OSError) and isinstance(error.strerror, Message):
        return error.strerror
    return message("failed.error", error=as_text(f"{type(error).__name__}: {error}"))


def _run(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        say(general_help(COMMANDS))
        return 0
    if words[0] in ("--version", "-V"):
        print(f"dupimg {dupimg.__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        raise UsageError(
            f"Got the command {name!r}, expected one of {', '.join(COMMANDS)}."
            + did_you_mean(name, COMMANDS)
        )
    return _run_command(COMMANDS[name], rest)


def _run_command(command: Command, words: list[str]) -> int:
    before_separator = words[: words.index("--")] if "--" in words else words
    if {"--help", "-h"} & set(before_separator):
        say(command_help(command))
        return 0
    return command.run(collect_options(command, words))
