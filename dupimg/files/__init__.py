"""Find photos and open them: folders, pictures, raw files, companions, and what was read before."""
