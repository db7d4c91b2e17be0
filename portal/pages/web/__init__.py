"""What every page shares: forms, errors, headers, logs, limits, static files and templates."""
