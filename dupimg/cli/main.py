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
from dupimg.runs.ends import told_at_end
from dupimg.wording import did_you_mean

# Exit statuses.
DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


class Summarized(Protocol):
    """The result of a verb; one that can fail in part also has an attribute `failed`."""

    def summary(self) -> str:
        """Return the lines printed at the end."""

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""


def _verb(name: str, *, announces: bool = False, asks: bool = False) -> Callable[[Options], int]:
    """Return a runner that calls a public function and prints the summary of its result."""

    def run(options: Any) -> int:
        more: dict[str, Any] = {}
        if announces:
            more["announce"] = (
                None if options.quiet else partial(_announce, file=_message_stream(options))
            )
        if asks:
            no_need = options.yes or options.quiet
            more["confirm"] = None if no_need else partial(confirmed, yes=False)
        with told_at_end():
            result = getattr(dupimg, name)(**options.as_keywords(), **more)
            return _report(result, options)

    return run


def _message_stream(options: Any) -> TextIO | None:
    """Return the stream for everything but the result: standard error with --json."""
    return sys.stderr if options.json else None


def _announce(told: Message, *, file: TextIO | None) -> None:
    tell(announced=told.to_json())
    say(str(told), file=file)


def _report(result: Summarized, options: Any) -> int:
    status = FAILED if getattr(result, "failed", False) else DONE
    tell(notes=[note.to_json() for note in getattr(result, "notes", ())])
    if options.json:
        _print_json(status, result.to_json())
    elif not getattr(options, "quiet", False):
        say(result.summary())
    return status


def _print_json(status: int, values: dict[str, Any]) -> None:
    print(json.dumps({"status": status} | _without_nan(values), allow_nan=False), flush=True)


def _without_nan(value: Any) -> Any:
    """Replace NaN and infinity by None, as JSON has neither."""
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _trash(options: TrashOptions) -> int:
    from dupimg.runs.begin import check_run

    check_run(options.output_dir)
    can_ask = not options.quiet and (progress_file() is not None or _is_terminal())
    if not options.yes and not can_ask:
        raise UsageError(message("refused.unasked", command=f"`dupimg trash {options.output_dir}`"))
    return _verb("trash", announces=True, asks=True)(options)


def _review(options: ReviewOptions) -> int:
    from dupimg.review.review_server import review

    result = review(options, announce=say)
    if result is None:
        return DONE
    say(result.summary())
    return FAILED if result.failed else DONE


def _tune(options: TuneOptions) -> int:
    from dupimg.tuning.tune import tune

    tuned = tune(options, say=partial(say, file=_message_stream(options)))
    found = {"duplicate_threshold": tuned.duplicates, "scene_threshold": tuned.scenes}
    tell(tuned={name: evidence.recommended for name, evidence in found.items()})
    return _report(tuned, options)


def _evaluate(options: EvaluateOptions) -> int:
    from dupimg.evaluation.evaluate import evaluate

    # The table is the result, so --quiet does not hide it.
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
    """Ask the user in the app or the terminal; without either, return True.

    Parameters
    ----------
    question : str
    yes : bool
        Return True without asking.
    """
    if not yes and (asking := progress_file()) is not None:
        return asking.ask(question)
    if yes or not _is_terminal():
        return True
    say(f"{question} [Y/n] ", file=sys.stderr)
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(text: str, *, file: TextIO | None = None) -> None:
    """Print a text with control characters escaped, as file names may hold terminal codes."""
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
        The arguments after ``dupimg``; by default those of the command line.
    command : Command, optional
        The command to run with all arguments; by default the first one names one of
        `COMMANDS`.

    Returns
    -------
    int
        Exit status: `DONE`, `FAILED`, `REFUSED` (nothing was touched) or `INTERRUPTED`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    ProgressBar.unfinished = None  # of an earlier call
    open_progress_file()
    for stream in (sys.stdout, sys.stderr):  # consoles may lack letters
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warnings_shown_once()
            return _run(words) if command is None else _run_command(command, words)
    except KeyboardInterrupt:
        return _fail(words, INTERRUPTED, f"interrupted{_interruption(words)}")
    except Exception as error:
        if debug:
            say(traceback.format_exc().rstrip(), file=sys.stderr)
        if isinstance(error, UsageError):
            tell(error=[told.to_json() for told in error.messages], field=error.field)
            return _fail(words, REFUSED, str(error))
        told = _describe(error)
        tell(error=[told.to_json()])
        return _fail(words, FAILED, str(told))


def _interruption(words: Sequence[str]) -> str:
    """Return where a command was interrupted and how to resume it, as the end of a sentence."""
    if ProgressBar.unfinished is None:
        return ""
    from dupimg.runs.begin import DECIDING, remembers_nothing  # loaded by what was interrupted

    standing = ProgressBar.unfinished.standing
    forgets = standing.step in DECIDING and remembers_nothing(words)
    onward = "begins again, for --cache=none remembers nothing" if forgets else "goes on from there"
    return f" at {standing}. The same command {onward}."


def _fail(words: Sequence[str], status: int, why: str) -> int:
    """Print why a command failed, with --json also as JSON, and return `status`."""
    say(f"dupimg: {why}", file=sys.stderr)
    if any(re.fullmatch(r"--json(=(yes|true|1|on))?", word, re.IGNORECASE) for word in words):
        _print_json(status, {"error": why})
    return status


def _warnings_shown_once() -> Callable[..., None]:
    """Return a `showwarning` that prints each warning once, without its source line."""
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
