"""Decide what happens to every file, and write it as a spreadsheet can read it."""
