"""Whether the portal is alive, for those who run it."""
