"""Group vectors into duplicates and scenes, and compare pairs of pictures."""
