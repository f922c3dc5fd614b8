"""Measure duplicates and scenes against known answers."""
