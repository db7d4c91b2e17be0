"""The ID token: its signature, and whether its claims are for this sign-in (OpenID Connect Core, section 3.1.3.7)."""

from collections.abc import Iterable, Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, extract_compact

from portal.pages.auth.signatures import ED25519, SignatureRegistry, find_key
from portal.pages.staff_auth.oidc.claims import LEEWAY_SECONDS
from portal.pages.staff_auth.oidc.errors import ProviderMisconfigured, ProviderRefused

# OpenID Connect Core, section 2: a sub is no longer.
MAX_SUBJECT = 255


def claims_of(
    token: Mapping[str, Any], keys: Iterable[Key], metadata: Mapping[str, Any], *, client_id: str, nonce: str
) -> dict[str, Any]:
    """Return the claims of the ID token in a token response.

    Args:
        token: the response.
        keys: of the provider.
        metadata: of the provider, validated.
        client_id: ours, which has to be the audience.
        nonce: of the authorization request.

    Raises:
        ProviderError: there is none, its algorithm is not accepted, or nobody can have its subject.
        JoseError: its signature or a claim is not right. So do LookupError, ValueError, TypeError and AttributeError.
    """
    if "id_token" not in token:
        raise ProviderMisconfigured("it sends no ID token")
    verified = _verified(token["id_token"], keys, metadata)
    options = {
        "iss": {"essential": True, "value": metadata["issuer"]},
        "sub": {"essential": True},
        # Authlib alone accepts a foreign audience if azp is our client.
        "aud": {"essential": True, "value": client_id},
    }
    parameters = {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")}
    claims = CodeIDToken(verified.claims, _header(verified.header), options, parameters)
    claims.validate(leeway=LEEWAY_SECONDS)
    subject = claims["sub"]
    if not (isinstance(subject, str) and subject.isprintable() and 0 < len(subject) <= MAX_SUBJECT):
        raise ProviderRefused("its sub can't be stored")
    return dict(claims)


def _verified(id_token: object, keys: Iterable[Key], metadata: Mapping[str, Any]) -> jwt.Token:
    if not isinstance(id_token, str):
        raise ProviderRefused("it is no text")
    accepted = metadata["id_token_signing_alg_values_supported"]

    # Providers may add header parameters of their own. Those in "crit" have to be known all the same.
    registry = SignatureRegistry(algorithms=accepted, strict_check_header=False)
    header = extract_compact(id_token.encode(), registry=registry).headers()
    algorithm = header.get("alg")
    if algorithm not in accepted:
        # Any other text may be anybody's.
        known = algorithm if algorithm in JWSRegistry.algorithms else "another algorithm"
        raise ProviderRefused(f"it is signed with {known}, which is not accepted")
    return jwt.decode(id_token, find_key(keys, header), registry=registry)


def _header(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return a header as Authlib needs it for at_hash: it knows the older name of the algorithm alone."""
    return {**header, "alg": "EdDSA"} if header["alg"] in ED25519 else dict(header)
