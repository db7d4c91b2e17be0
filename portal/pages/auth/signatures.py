"""Signatures of tokens that others issue: the accepted algorithms, and the public keys that can verify them."""

from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwa import EdDSAAlgorithm
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

# The curves of each algorithm that has some: RFC 7518 section 3.4, RFC 8037 and RFC 9864, which renamed EdDSA.
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "Ed25519": "Ed25519", "EdDSA": "Ed25519"}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# Only what signs with a private key: "none" has no key, and that of the HS family is a shared secret, for which whoever
# read the public key could take that.
ALGORITHMS = (*_RSA, *_CURVES)
# Two names of one algorithm. A site may give the one to its tokens and the other to its keys and metadata.
ED25519 = frozenset({"Ed25519", "EdDSA"})
# Each key type with what verifies. A key of the type oct is a secret, which a public document can't contain.
_TYPES: dict[object, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
# All else is left out: an unusual certificate or private member is no reason to refuse a key.
_MEMBERS = ("kty", "n", "e", "crv", "x", "y")
# The modulus of an RSA key with 2048 bits, in base64url.
_LEAST_MODULUS = 342


class _EdDSA(EdDSAAlgorithm):
    # It would be logged at every sign-in. What is deprecated is the name, not the signature.
    security_warning = None  # type: ignore[assignment]


class SignatureRegistry(JWSRegistry):
    """joserfc's registry, without its warning about the name EdDSA, and for headers that contain a certificate."""

    algorithms = {**JWSRegistry.algorithms, "EdDSA": _EdDSA()}  # noqa: RUF012 - as in the base class
    max_header_length = 8192


def public_key(document: object) -> Key | None:
    """Return the key of a member of a JWKS (RFC 7517); none if it can't verify a signature of ALGORITHMS.

    It may be of a kind or on a curve that nobody knew when this was written, for another use, too short or unreadable:
    RFC 7517, section 5, asks to ignore such a member, not the whole document.
    """
    if not isinstance(document, Mapping) or document.get("use") not in (None, "sig"):
        return None
    operations = document.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return None
    kind = _TYPES.get(str(document.get("kty")))
    if kind is None or (kind is RSAKey and len(str(document.get("n"))) < _LEAST_MODULUS):
        return None
    members = {name: document[name] for name in _MEMBERS if name in document}
    members |= {name: document[name] for name in ("kid", "alg") if isinstance(document.get(name), str)}
    if members.get("alg") in ED25519:
        # The curve says the same, whichever name the token has.
        del members["alg"]
    try:
        key: Key = kind.import_key(members)
    except (JoseError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, UnsupportedAlgorithm):
        return None
    return key if any(fits(key, name) for name in ALGORITHMS) else None


def fits(key: Key, algorithm: str) -> bool:
    """Tell whether a key can verify signatures of an algorithm."""
    if key.alg not in (None, algorithm):
        return False
    if algorithm in _RSA:
        return isinstance(key, RSAKey)
    return isinstance(key, ECKey | OKPKey) and key.curve_name == _CURVES.get(algorithm)


def find_key(keys: Iterable[Key], header: Mapping[str, Any]) -> Key:
    """Return the key that the header of a token names, or the only one for its algorithm.

    Keys of two kinds may have the same id (RFC 7517, section 4.5). Raises joserfc's InvalidKeyIdError if there is none.
    """
    kid, algorithm = header.get("kid"), str(header.get("alg"))
    usable = [key for key in keys if fits(key, algorithm)]
    if kid is None and len(usable) > 1:
        raise InvalidKeyIdError("the token does not say which key")
    for key in usable:
        if kid is None or key.kid == kid:
            return key
    raise InvalidKeyIdError("no such key")
