"""Wire the deciding steps together: folder → photos → vectors → groups → plan."""
