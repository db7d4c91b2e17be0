"""A simulated Zype and TV for demos and tests; it imports nothing else of the portal, so they can't share a bug."""
