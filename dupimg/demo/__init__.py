"""Pictures to try dupimg on, and the command that does it."""
