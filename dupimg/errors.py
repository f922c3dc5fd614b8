"""Errors that tell a person what is wrong: with messages that the page can translate."""

from __future__ import annotations

from dupimg.messages import Message, as_text


class MessageError(Exception):
    """An error made of messages, or of English text.

    Parameters
    ----------
    *args : Message or str
        What is wrong, and, in further lines, its parts.
    """

    def __str__(self) -> str:
        """Return the message in English, a line for each part."""
        return "\n  ".join(map(str, self.args))

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is wrong, and its parts."""
        return tuple(arg if isinstance(arg, Message) else as_text(str(arg)) for arg in self.args)

    @property
    def message(self) -> Message:
        """What is wrong, without its parts."""
        return self.messages[0]


class UsageError(MessageError, ValueError):
    """The command cannot do what was asked; nothing was touched.

    Parameters
    ----------
    *args : Message or str
        What is wrong, and, in further lines, its parts.
    field : str
        Name of the option that is wrong; empty where it is none, or several.
    """

    def __init__(self, *args: Message | str, field: str = "") -> None:
        super().__init__(*args)
        self.field = field
