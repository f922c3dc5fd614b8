"""Options: one frozen dataclass a verb, converted and checked before any work."""
