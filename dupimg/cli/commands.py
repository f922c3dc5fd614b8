"""Commands, and the options that python-fire builds from their arguments.

Fire calls its target before it notices an unknown option, and turns words like ``2024``, ``a,b``
or ``photos#1`` into numbers, tuples and worse. Here its targets only build options from plain
strings, and the arguments are checked before fire sees them.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dupimg.errors import UsageError
from dupimg.options.converters import SEPARATOR
from dupimg.options.fields import Options, ordered_fields
from dupimg.wording import did_you_mean

# The options shown first in the help.
BASIC = frozenset(
    {
        "process_mode",
        "dry_run",
        "layout",
        "exclude",
        "protect",
        "only",
        "keep",
        "duplicate_threshold",
        "duplicate_rule",
        "scene_threshold",
        "scene_gap",
        "labels",
        "file",
        "pairs",
        "embedding",
        "quiet",
        "json",
        "yes",
    }
)


def is_basic(name: str) -> bool:
    """Return whether most people need this option."""
    return name in BASIC


@dataclass(frozen=True)
class Command:
    """A verb of the command line.

    Attributes
    ----------
    call : str
        The words that call it: ``dupimg organize``.
    options : type
        The class of its options.
    run : callable
        Takes the options and returns the exit status.
    """

    call: str
    options: type[Options]
    run: Callable[[Any], int]

    @property
    def fields(self) -> tuple[dataclasses.Field, ...]:
        """Fields of the options: positional ones, then its own, then shared ones."""
        return ordered_fields(self.options)

    @property
    def names(self) -> dict[str, str]:
        """Map every spelling of an option to the name of its field."""
        written = {field.name: field.name for field in self.fields}
        for field in self.fields:
            written |= dict.fromkeys(field.metadata["aliases"], field.name)
        return written


def collect_options(command: Command, words: Sequence[str]) -> Options:
    """Build the options of a command from its arguments with python-fire.

    Parameters
    ----------
    command : Command
    words : sequence of str
        The arguments of the command. Those after ``--`` are positional.

    Returns
    -------
    Options

    Raises
    ------
    UsageError
        An argument is unknown, missing or surplus, or has an invalid value.
    """
    import fire
    from fire.decorators import SetParseFn

    def build(**values: Any) -> Options:
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
    flags = _as_flags(command, words)
    return fire.Fire(
        SetParseFn(str)(build), command=flags, name=command.call, serialize=lambda _: None
    )


def _as_flags(command: Command, words: Sequence[str]) -> list[str]:
    """Rewrite all arguments as ``--field=value``, the one form that fire does not alter."""
    values: dict[str, str] = {}
    positional: list[str] = []
    waiting = list(words)
    only_positional = False
    while waiting:
        word = waiting.pop(0)
        if word == "--" and not only_positional:
            only_positional = True
        elif word.startswith("--") and not only_positional:
            name, value = _flag(command, word, waiting)
            if name in values and name not in _repeatable_names(command):
                raise UsageError(f"Got --{name} twice, expected it once.")
            values[name] = f"{values[name]}{SEPARATOR}{value}" if name in values else value
        elif re.match("-.", word) and not only_positional:  # or it would pass as a folder
            raise UsageError(
                f"Got {word}, which `{command.call}` does not know: options begin with --. A "
                f"folder of that name is ./{word}."
            )
        else:
            positional.append(word)
    values = _positional(command, values, positional) | values
    _check_required(command, values)
    return [f"--{name}={value}" for name, value in values.items()]


def _positional(command: Command, flags: Collection[str], words: Sequence[str]) -> dict[str, str]:
    """Assign words to the positional fields without a flag; one of them may take several."""
    names = [field.name for field in command.fields if not field.kw_only]
    free = [name for name in names if name not in flags]
    many = next((name for name in free if name in _repeatable_names(command)), None)
    surplus = max(0, len(words) - len(free))
    if surplus and many is None:
        if len(words) <= len(names):
            twice = next(name for name in names if name in flags)
            raise UsageError(f"Got --{twice} twice, expected it once.")
        raise UsageError(
            f"Got {words[len(free)]!r} after {len(free)} folder names or words, expected only "
            f"options there. See `{command.call} --help`."
        )
    values, left = {}, list(words)
    for name in free[: len(words)]:
        taken = 1 + surplus if name == many else 1
        values[name] = SEPARATOR.join(left[:taken])
        left = left[taken:]
    return values


def _repeatable_names(command: Command) -> set[str]:
    return {field.name for field in command.fields if field.metadata["many"]}


def _check_required(command: Command, values: Collection[str]) -> None:
    for field in command.fields:
        if field.default is dataclasses.MISSING and field.name not in values:
            raise UsageError(
                f"Got no {field.name}, expected the "
                f"{field.metadata['about'].removeprefix('the ')}. See `{command.call} --help`."
            )


def _flag(command: Command, word: str, waiting: list[str]) -> tuple[str, str]:
    """Split ``--name=value``, ``--name value``, or the flags ``--name`` and ``--noname``."""
    written, equals, value = word[2:].partition("=")
    known, flags = command.names, [field.name for field in command.fields if field.type == "bool"]
    plain = written.replace("-", "_")
    turned_off = re.sub("^no_?", "", plain)
    if plain not in known and turned_off in flags and not equals:
        return turned_off, "no"
    field_name = known.get(plain)
    if field_name is None:
        by_use = sorted(known, key=lambda name: not is_basic(name))
        near = did_you_mean(f"--{plain}", [f"--{known_name}" for known_name in by_use])
        raise UsageError(
            f"Got --{written}, which `{command.call}` does not know.{near} "
            f"`{command.call} --help` lists all options."
        )
    if equals:
        return field_name, value
    if field_name in flags:
        return field_name, "yes"
    if not waiting or re.match("--.", waiting[0]):  # the next option follows
        raise UsageError(f"Got --{written} without a value, expected --{written}=VALUE.")
    return field_name, waiting.pop(0)
