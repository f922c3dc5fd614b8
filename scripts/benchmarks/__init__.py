"""Measure how fast photos are embedded and vectors are searched, against others."""
