"""Zype Activate: a signed-in viewer types the PIN that their TV shows, and the TV is theirs."""

__version__ = "0.1.0"
