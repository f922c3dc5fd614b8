"""Find the right thresholds with the answers of a person."""
