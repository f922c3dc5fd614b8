"""Errors for the user, with messages that the page can translate."""

from __future__ import annotations

from dupimg.messages import Message, as_text


class MessageError(Exception):
    """An error with translatable messages or English text.

    Parameters
    ----------
    *args : Message or str
        The message, followed by further lines of detail.
    """

    def __str__(self) -> str:
        """Return all messages in English, one a line."""
        return "\n  ".join(map(str, self.args))

    @property
    def messages(self) -> tuple[Message, ...]:
        """The message and its further lines."""
        return tuple(arg if isinstance(arg, Message) else as_text(str(arg)) for arg in self.args)

    @property
    def message(self) -> Message:
        """The message without its further lines."""
        return self.messages[0]


class UsageError(MessageError, ValueError):
    """The command cannot do what was asked; nothing was touched.

    Parameters
    ----------
    *args : Message or str
        The message, followed by further lines of detail.
    field : str
        The option that is wrong; empty for none or several.
    """

    def __init__(self, *args: Message | str, field: str = "") -> None:
        super().__init__(*args)
        self.field = field
