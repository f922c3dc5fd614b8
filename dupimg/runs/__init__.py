"""Carry out plans so that they can be resumed and undone: the verbs and their journal."""
