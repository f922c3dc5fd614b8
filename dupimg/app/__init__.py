"""The web application: start a run, watch it, review it, apply, undo."""
