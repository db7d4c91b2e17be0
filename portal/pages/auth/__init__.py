"""Who is signed in, and the ways to sign in."""
