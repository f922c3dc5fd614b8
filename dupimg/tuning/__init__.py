"""Find the right thresholds from the user's answers about pairs."""
