"""The portal's tests: the real thing over a simulated Zype, with real databases and a real browser."""
