"""Decide about a plan, in a spreadsheet or on the page that is served for it."""
