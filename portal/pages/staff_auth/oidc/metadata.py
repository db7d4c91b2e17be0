"""What an identity provider says of itself: judged, and nothing kept that is not needed (OpenID Connect Discovery)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from portal.pages.staff_auth.oidc.errors import ProviderMisconfigured
from portal.settings.types import is_loopback

# Each needs a private key to sign with. None and the HS family don't: their key is no secret, or ours.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# All that is kept of the metadata: Authlib hands each on to requests, which would take "verify": false for an order.
LISTS = ("id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported", "scopes_supported")
KEPT = ("issuer", *ENDPOINTS, "userinfo_endpoint", *LISTS, "authorization_response_iss_parameter_supported")


def judged(found: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    """Return what is kept of the metadata, if they are the provider's own and lead to safe places.

    Raises:
        ProviderMisconfigured: naming the member at fault.
    """
    metadata = {name: found[name] for name in KEPT if name in found and found[name] is not None}
    for name in LISTS:
        if not isinstance(metadata.get(name, []), list):
            raise ProviderMisconfigured(f"{name} is no list")
    if metadata.get("issuer") != issuer:
        raise ProviderMisconfigured("issuer is not PORTAL_STAFF_OIDC_ISSUER to the letter")
    for name in (*ENDPOINTS, *({"userinfo_endpoint"} & metadata.keys())):
        if not _is_safe(metadata.get(name), issuer):
            raise ProviderMisconfigured(f"{name} is missing or no https address")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [name for name in ALGORITHMS if name in offered]
    if not metadata["id_token_signing_alg_values_supported"]:
        raise ProviderMisconfigured("id_token_signing_alg_values_supported has no public-key signature")
    return metadata


def auth_method(metadata: Mapping[str, Any]) -> str:
    """Return how to show the client's secret: a provider that says nothing takes it in the header."""
    offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"


def scope(role_claim: str, metadata: Mapping[str, Any]) -> str:
    """Return what to ask for: some providers tell ``groups`` only to those who ask for a scope of that name."""
    named = role_claim.partition(".")[0]
    offered = metadata.get("scopes_supported") or []
    return " ".join(["openid", "profile", "email", *([named] if named in offered else [])])


def _is_safe(url: object, issuer: str) -> bool:
    """Tell whether a URL may be used: https; plain http only if provider and portal share a machine."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or "#" in url:
        return False
    try:
        parts = urlsplit(url)
        host, home = parts.hostname or "", urlsplit(issuer).hostname or ""
    except ValueError:
        return False
    if "@" in parts.netloc or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host) and is_loopback(home))
