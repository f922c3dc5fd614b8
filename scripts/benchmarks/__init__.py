"""Measure the speed of embedding and searching, compared with other ways."""
