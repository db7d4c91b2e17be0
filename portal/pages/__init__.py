"""Everything that knows Flask: one folder for each group of pages, and what all pages share."""
