"""RSA keys that tests sign with: making one takes a tenth of a second."""

from functools import cache

from joserfc.jwk import RSAKey


@cache
def rsa_key(number: int = 1) -> RSAKey:
    """Return a key with its thumbprint as its id; another number is another key."""
    assert number
    return RSAKey.generate_key(2048, auto_kid=True)
