"""Give the functions of verbs a signature of folders and keywords, taken from their options."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dupimg.errors import UsageError
from dupimg.options.fields import COMMAND_LINE_ONLY, Options, ordered_fields
from dupimg.wording import did_you_mean

R = TypeVar("R")

# Parameters of verbs besides their options.
_OTHERS = {
    "announce": """announce : callable
    Is given the messages that say what is about to happen, before anything is touched. By default
    they are printed, unless `quiet`.""",
    "confirm": """confirm : callable
    Answers a question with True or False. By default nothing is asked.""",
    "progress": """progress : callable
    Makes the bars that show how far it is, see `dupimg.progress`.""",
}

_TYPES = {"Path": "str or Path", "tuple[str, ...]": "sequence of str"}


def verb(
    options: type[Options],
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorate a function of options so that it takes each option as a keyword.

    Parameters
    ----------
    options : type
        A subclass of `Options`. Its positional fields come first; all others are keywords.

    Returns
    -------
    callable
        A decorator for a function ``run(options, **others)``. The decorated function takes the
        options and the others as keywords, shows both in its signature, and describes both in its
        docstring, above the section *Returns*. It raises a UsageError with a hint for an unknown
        keyword.

    Examples
    --------
    >>> from dupimg.options.run_options import StatusOptions
    >>> @verb(StatusOptions)
    ... def name_of(options):
    ...     '''Return the name.'''
    ...     return options.output_dir.name
    >>> name_of("photos/sorted"), name_of(output_dir="photos/sorted")
    ('sorted', 'sorted')
    """
    fields = [field for field in ordered_fields(options) if field.name not in COMMAND_LINE_ONLY]

    def decorate(run: Callable[..., R]) -> Callable[..., R]:
        others = [
            other.replace(annotation=inspect.Parameter.empty)
            for other in list(inspect.signature(run).parameters.values())[1:]
        ]
        signature = inspect.Signature([*map(_parameter, fields), *others])

        @functools.wraps(run)
        def call(*args: Any, **keywords: Any) -> R:
            _check_names(run.__name__, keywords, signature.parameters)
            values = signature.bind(*args, **keywords).arguments
            more = {other.name: values.pop(other.name) for other in others if other.name in values}
            return run(options(**values), **more)

        call.__signature__ = signature  # type: ignore[attr-defined]
        names = [other.name for other in others]
        call.__doc__ = _documented(inspect.getdoc(run) or "", fields, names)
        return call

    return decorate


def _check_names(name: str, keywords: dict[str, Any], known: Any) -> None:
    for keyword in keywords:
        if keyword not in known:
            raise UsageError(
                f"Got {keyword}={keywords[keyword]!r}, which {name} does not know."
                f"{did_you_mean(keyword, known)} `help(dupimg.{name})` lists all options."
            )


def _parameter(field: dataclasses.Field) -> inspect.Parameter:
    kind = (
        inspect.Parameter.KEYWORD_ONLY if field.kw_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    )
    required = field.default is dataclasses.MISSING
    return inspect.Parameter(
        field.name, kind, default=inspect.Parameter.empty if required else field.default
    )


def _documented(text: str, fields: Sequence[dataclasses.Field], others: Sequence[str]) -> str:
    """Insert a section on the parameters into a docstring, above its other sections."""
    about = "\n".join(line for field in fields for line in _about(field))
    about = f"\n\nParameters\n----------\n{about}"
    if others:
        about += "\n\nOther Parameters\n----------------\n" + "\n".join(_OTHERS[n] for n in others)
    section = re.search(r"\n\nReturns\n--", text)
    end = section.start() if section else len(text)
    return f"{text[:end]}{about}{text[end:]}"


def _about(field: dataclasses.Field) -> list[str]:
    """Return the numpydoc lines of one parameter."""
    words = field.metadata["accepts"] or field.type.removesuffix(" | None")
    heading = f"{field.name} : {_TYPES.get(words, words)}"
    about = field.metadata["about"]
    if field.default is None:
        heading += ", optional"
        about += f" (default: {field.metadata['no_value']})" * bool(field.metadata["no_value"])
    elif field.default is not dataclasses.MISSING:
        heading += f", default={field.default!r}"
    begins_with_value = about.split(" ")[0].endswith(":")
    sentence = f"{about if begins_with_value else about[0].upper() + about[1:]}."
    return [heading, *textwrap.wrap(sentence, 92, initial_indent="    ", subsequent_indent="    ")]
