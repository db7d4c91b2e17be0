"""The pages about a viewer's own TVs."""
