"""Group vectors: duplicates, scenes, and a second look at both."""
