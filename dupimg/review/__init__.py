"""Review a plan, in a spreadsheet or on a page in the browser."""
