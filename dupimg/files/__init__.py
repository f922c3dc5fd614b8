"""Find and open photos: folders, pictures, raw files, companions and the cache."""
