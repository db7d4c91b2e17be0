"""Typed, frozen settings: read from the environment, checked, and the keys that are derived from secrets."""
