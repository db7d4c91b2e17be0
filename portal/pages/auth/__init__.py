"""How viewers sign in and out, and the guards of every page."""
