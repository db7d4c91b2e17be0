"""Who is signed in, a viewer or an agent. The only place that knows the keys of the session cookie."""
