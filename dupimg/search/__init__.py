"""Exact cosine search over all pairs of rows, at any size: arrays in, pairs out."""
