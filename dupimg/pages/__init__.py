"""Show a run: the report page, plots, output for notebooks, and the server of local pages."""
