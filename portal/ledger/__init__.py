"""The append-only record of every attempt and its outcome, and the limits that are counted from it."""
