"""Show a run: the contact sheet, plots, what notebooks show, and the server of local pages."""
