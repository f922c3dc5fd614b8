"""Messages for the user: a code with named values, turned into text where it is shown.

The templates are in ``web/messages.json`` by language and code: a text such as ``"keeper of
{count} duplicates"``, or one for each plural form of `count`. The page reads the same file; here
messages are rendered in English. Foreign texts, such as a decoder's, have the code ``text``.
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
    """A message for the user; create it with `message`.

    Attributes
    ----------
    code : str
        Key of its templates.
    values : tuple of (str, value)
        The values of ``{name}``, sorted by name. An int is written with thousands separators; a
        number used as a name, such as that of a scene, is a str. A value may be a message itself.
    """

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        """Return the message in English."""
        return self.in_language("en")

    def in_language(self, language: str) -> str:
        """Return the message in one of the languages of `templates`."""

        def shown(value: Value) -> str:
            if isinstance(value, Message):
                return value.in_language(language)
            return f"{value:,}" if isinstance(value, int) else value

        values = dict(self.values)
        template = templates()[language][self.code]
        if not isinstance(template, str):
            template = template["one" if values["count"] == 1 else "other"]
        return template.format_map({name: shown(value) for name, value in self.values})

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
        """Return the message from the values of `to_json`."""
        if len(content) == 1:
            return Message(*content)
        code, values = content
        items = sorted(values.items())
        read = [(n, Message.from_json(v) if isinstance(v, list) else v) for n, v in items]
        return Message(code, tuple(read))


def message(code: str, **values: Value) -> Message:
    """Create a message.

    Parameters
    ----------
    code : str
        Must be a literal, because a test compares all codes with the templates.
    **values : str, int or Message
        Exactly the values named by its templates.

    Examples
    --------
    >>> str(message("reason.keeper_of", count=1200))
    'keeper of 1,200 duplicates'
    """
    return Message(code, tuple(sorted(values.items())))


def as_text(words: str) -> Message:
    """Return an untranslated text as a message."""
    return Message("text", (("text", words),))


def quoted(words: str) -> Message:
    """Return the message for an English text of the system, a decoder or an earlier version.

    Parameters
    ----------
    words : str

    Returns
    -------
    Message
        With its own code if a template has the same words, except for one number; otherwise with
        the code ``text``. Its English text is always `words`.

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
    """Return the reason of an error, without its number and path.

    An `OSError` raised by this package has a message instead of the system's text.
    """
    words: object = error.strerror
    return words if isinstance(words, Message) else quoted(str(words or error))


def details(error: Exception) -> Message:
    """Return the full text of an error."""
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
    """Map known foreign texts to their codes."""
    return {
        template: code
        for code, template in _english().items()
        if code.startswith(("why.", "reason."))
        and isinstance(template, str)
        and set(re.findall(r"\{(\w+)\}", template)) <= {"number"}
    }
