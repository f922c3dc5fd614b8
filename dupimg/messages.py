"""What dupimg tells people: a code with named values, put into words where it is shown.

The words stand in ``web/messages.json`` in every language, under the code: a template such as
``"keeper of {count} duplicates"``, or one for each plural form of `count`. The page reads the
same file; here they are put into English. Words of others, such as a decoder's, are a message
with the code ``text``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Union

Value = Union[str, int, "Message"]


@dataclass(frozen=True)
class Message:
    """Something to tell; `message` makes one.

    Attributes
    ----------
    code : str
        Key of its templates.
    values : tuple of (str, value)
        What stands in for ``{name}``, in order of the names. A whole number is written with
        separators of thousands; a number that is a name, such as that of a scene, is a str. A
        value may be a message itself.
    """

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        """Put the message into English."""
        values = dict(self.values)
        template = _english()[self.code]
        if not isinstance(template, str):
            template = template["one" if values["count"] == 1 else "other"]
        return template.format_map(
            {n: f"{v:,}" if isinstance(v, int) else str(v) for n, v in self.values}
        )

    def to_json(self) -> list[Any]:
        """Return the message as JSON values, which `from_json` reads.

        Examples
        --------
        >>> message("reason.by_hand", action=message("action.keep"), before="remove").to_json()
        ['reason.by_hand', {'action': ['action.keep'], 'before': 'remove'}]
        """
        if not self.values:
            return [self.code]
        values = {n: v.to_json() if isinstance(v, Message) else v for n, v in self.values}
        return [self.code, values]

    @staticmethod
    def from_json(content: list[Any]) -> Message:
        """Return the message that `to_json` wrote."""
        if len(content) == 1:
            return Message(*content)
        code, values = content
        read = {n: Message.from_json(v) if isinstance(v, list) else v for n, v in values.items()}
        return message(code, **read)


def message(code: str, **values: Value) -> Message:
    """Return the message of a code.

    Parameters
    ----------
    code : str
        Written literally wherever a message is made: a test holds it against the templates.
    **values : str, int or Message
        Exactly those that its templates name.

    Examples
    --------
    >>> str(message("reason.keeper_of", count=1200))
    'keeper of 1,200 duplicates'
    """
    return Message(code, tuple(sorted(values.items())))


def as_text(words: str) -> Message:
    """Return words that nobody has translated as a message."""
    return Message("text", (("text", words),))


def quoted(words: str) -> Message:
    """Return the message for what the system, a decoder or an earlier version says in English.

    Parameters
    ----------
    words : str

    Returns
    -------
    Message
        With a code of its own where a template is just these words, but for one number in them;
        else with the code ``text``. Its English is `words` in any case.

    Examples
    --------
    >>> quoted("decoder error -2").code, quoted("decoder error unheard of").code
    ('why.decoder_error', 'text')
    """
    if (code := _known_words().get(words)) is not None:
        return Message(code)
    numbers = re.findall(r"-?\d+", words)
    if len(numbers) == 1:
        code = _known_words().get(words.replace(numbers[0], "{number}"))
        if code is not None:
            return message(code, number=numbers[0])
    return as_text(words)


def why(error: OSError) -> Message:
    """Return what is wrong, without the number and the path that the error names.

    An `OSError` that this package raises has a message in place of the words of the system.
    """
    words: object = error.strerror
    return words if isinstance(words, Message) else quoted(str(words or error))


def details(error: Exception) -> Message:
    """Return all that an error says."""
    if error.args and isinstance(error.args[0], Message):
        return error.args[0]
    if isinstance(error, OSError) and str(error) == f"[Errno {error.errno}] {error.strerror}":
        return message("why.errno", number=str(error.errno), why=why(error))
    return quoted(str(error) or type(error).__name__)


@lru_cache
def templates() -> Mapping[str, Mapping[str, str | Mapping[str, str]]]:
    """Return the templates by language and code."""
    content: dict[str, dict[str, str | dict[str, str]]] = json.loads(
        (files("dupimg") / "web" / "messages.json").read_text("utf-8")
    )
    return content


def _english() -> Mapping[str, str | Mapping[str, str]]:
    return templates()["en"]


@lru_cache
def _known_words() -> Mapping[str, str]:
    """Return the codes of what may be told in the words of others, by these words."""
    return {
        template: code
        for code, template in _english().items()
        if code.startswith(("why.", "reason."))
        and isinstance(template, str)
        and set(re.findall(r"\{(\w+)\}", template)) <= {"number"}
    }
