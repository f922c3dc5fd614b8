"""Plan the actions for all files, and write them as a table for spreadsheets."""
