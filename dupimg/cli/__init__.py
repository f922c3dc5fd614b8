"""The command line: python-fire collects the options, then the work begins."""
