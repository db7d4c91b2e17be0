"""The metadata of an identity provider, validated (OpenID Connect Discovery)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from portal.pages.auth.signatures import ALGORITHMS, ED25519
from portal.pages.staff_auth.oidc.errors import ProviderMisconfigured
from portal.settings.addresses import is_loopback

ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# All members that are used. Authlib hands each on to requests, which would obey "verify": false.
LIST_MEMBERS = (
    *("id_token_signing_alg_values_supported", "token_endpoint_auth_methods_supported", "scopes_supported"),
    "prompt_values_supported",
)
OPTIONAL_ENDPOINTS = ("userinfo_endpoint", "end_session_endpoint")
MEMBERS = ("issuer", *ENDPOINTS, *OPTIONAL_ENDPOINTS, *LIST_MEMBERS, "authorization_response_iss_parameter_supported")


def validated(document: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    """Return the members that are used; raise ProviderMisconfigured with the name of the first that is wrong.

    The metadata have to be those of this issuer, and their URLs safe.
    """
    metadata = {name: document[name] for name in MEMBERS if name in document and document[name] is not None}
    for name in LIST_MEMBERS:
        if not isinstance(metadata.get(name, []), list):
            raise ProviderMisconfigured(f"{name} is no list")
    if metadata.get("issuer") != issuer:
        raise ProviderMisconfigured("issuer is not PORTAL_STAFF_OIDC_ISSUER to the letter")
    for name in (*ENDPOINTS, *(name for name in OPTIONAL_ENDPOINTS if name in metadata)):
        if not _is_safe(metadata.get(name), issuer):
            raise ProviderMisconfigured(f"{name} is missing or no https address")
    supported = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    names = {*supported, *ED25519} if ED25519.intersection(supported) else supported
    metadata["id_token_signing_alg_values_supported"] = [name for name in ALGORITHMS if name in names]
    if not metadata["id_token_signing_alg_values_supported"]:
        raise ProviderMisconfigured("id_token_signing_alg_values_supported has no signature that the portal accepts")
    return metadata


def scope(role_claim: str, metadata: Mapping[str, Any]) -> str:
    """Return the scope to request: some providers send ``groups`` only if a scope of that name is requested."""
    name = role_claim.partition(".")[0]
    supported = metadata.get("scopes_supported") or []
    return " ".join(["openid", "profile", "email", *([name] if name in supported else [])])


def _is_safe(url: object, issuer: str) -> bool:
    """Tell whether a URL may be used: https, or plain http if the provider runs on this machine."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or "#" in url:
        return False
    try:
        parts = urlsplit(url)
        host, issuer_host = parts.hostname or "", urlsplit(issuer).hostname or ""
    except ValueError:
        return False
    if "@" in parts.netloc or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host) and is_loopback(issuer_host))
