"""How support staff sign in: a local account with a second factor, or the operator's identity provider."""
