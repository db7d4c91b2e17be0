"""Signing in with the operator's identity provider: OpenID Connect."""
