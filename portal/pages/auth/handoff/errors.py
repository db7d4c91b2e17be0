"""Why a token signs nobody in."""


class TokenRefused(Exception):
    """The token is not one of the operator's site, or not good any more; the text says why, and holds none of it."""


class KeysUnavailable(Exception):
    """The keys of the operator's site can't be had now, so nothing is known of the token."""
