"""What a token of the operator's site says, once its signature, its times and its audience are right (RFC 7519)."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key

from portal.domain.characters import is_control
from portal.pages.auth.handoff.errors import TokenRefused
from portal.pages.auth.handoff.keys import Keys
from portal.pages.auth.signatures import SignatureRegistry
from portal.settings.settings import Settings
from portal.viewers.directory import CONSUMER_ID
from portal.zype.payloads import MAX_EMAIL, MAX_NAME

# A token expires at most this many seconds after it arrives.
MAX_SECONDS = 60
# The clocks of site and portal may differ by this much.
LEEWAY_SECONDS = 5
MAX_LENGTH = 4096
MAX_PIN = 200
_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_TOKEN_ID = re.compile("[!-~]{1,200}")


@dataclass(frozen=True)
class HandedOff:
    """A viewer whom the site hands over, the token's own id, and perhaps the PIN of their TV, as it was typed."""

    consumer_id: str
    token_id: str
    name: str | None
    email: str | None
    pin: str | None = field(repr=False)


def read_token(token: str, settings: Settings, keys: Keys) -> HandedOff:
    """Return what a token says. Whether it was used before is for the caller to find out.

    Raises:
        TokenRefused: it is malformed, wrongly signed, for somebody else, too old, or says too little.
        KeysUnavailable: the keys can't be had now.
    """
    if len(token) > MAX_LENGTH or not _COMPACT.fullmatch(token):
        raise TokenRefused("malformed")
    claims = _verified(token, keys)
    _check_parties(claims, settings)
    _check_times(claims, time.time())
    return HandedOff(
        consumer_id=_matching(claims, "sub", CONSUMER_ID),
        token_id=_matching(claims, "jti", _TOKEN_ID),
        name=_text(claims, "name", MAX_NAME),
        email=_text(claims, "email", MAX_EMAIL),
        pin=_text(claims, "pin", MAX_PIN),
    )


def _verified(token: str, keys: Keys) -> Mapping[str, Any]:
    def key_of(signature: Any) -> Key:
        header = signature.headers()
        # Before a key is looked for: what can't be accepted anyway must not make the portal load keys.
        if header.get("alg") not in keys.algorithms:
            raise TokenRefused("alg")
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise TokenRefused("kid")
        return keys.find(header)

    # Sites may add header parameters of their own. Those in "crit" have to be known all the same.
    registry = SignatureRegistry(algorithms=keys.algorithms, strict_check_header=False)
    try:
        return jwt.decode(token, key_of, registry=registry).claims
    except (JoseError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TokenRefused(f"signature or format ({type(error).__name__})") from error


def _check_parties(claims: Mapping[str, Any], settings: Settings) -> None:
    if claims.get("iss") != settings.handoff_issuer:
        raise TokenRefused("iss")
    # A token for several audiences could come from another of them.
    if claims.get("aud") not in (settings.public_url, [settings.public_url]):
        raise TokenRefused("aud")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires_at, issued_at = _time(claims, "exp"), _time(claims, "iat")
    if not now - LEEWAY_SECONDS < expires_at <= now + MAX_SECONDS + LEEWAY_SECONDS:
        raise TokenRefused("exp")
    if issued_at > min(now + LEEWAY_SECONDS, expires_at):
        raise TokenRefused("iat")
    if claims.get("nbf") is not None and _time(claims, "nbf") > now + LEEWAY_SECONDS:
        raise TokenRefused("nbf")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TokenRefused(name)
    return value


def _matching(claims: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise TokenRefused(name)
    return value


def _text(claims: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = claims.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest or not _is_storable(value):
        raise TokenRefused(name)
    return value


def _is_storable(text: str) -> bool:
    # JSON can contain half of a surrogate pair, which no database takes.
    return not any(is_control(character) or "\ud800" <= character <= "\udfff" for character in text)
