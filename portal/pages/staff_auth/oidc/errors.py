"""Errors of the staff's identity provider, and the one function that maps a response to one."""

from typing import Self

import requests

# The provider refuses our client, and not the person who signs in: RFC 6749, section 5.2, and RFC 6750.
CLIENT_ERRORS = (
    *("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_request"),
    *("invalid_token", "insufficient_scope"),
)


class ProviderError(Exception):
    """Base class; its text is in words of the portal. It contains no token, code or claim; its cause may."""

    step = "sign-in"

    def at(self, step: str) -> Self:
        """Name the call that failed, and return the error."""
        self.step = step
        return self

    def __str__(self) -> str:
        return f"{self.step}: {super().__str__()}"


class ProviderUnavailable(ProviderError):
    """The provider can't be reached, or can't answer now: trying again later may help."""


class ProviderMisconfigured(ProviderError):
    """Nobody can sign in until a setting of the portal or of the provider is corrected."""


class ProviderRefused(ProviderError):
    """This one sign-in failed: the code is wrong, expired or used, or the ID token is not for this sign-in."""


def error_of(response: requests.Response) -> ProviderError | None:
    """Return the error that a response means, or none for a 200. No redirect is followed, so one is an error too."""
    status = response.status_code
    if status == 200:
        return None
    if status == 429 or status >= 500:
        return ProviderUnavailable(f"status {status}")
    oauth_error = _oauth_error(response)
    if oauth_error in CLIENT_ERRORS:
        return ProviderMisconfigured(f"status {status}, {oauth_error}")
    return ProviderRefused("status 400") if status == 400 else ProviderMisconfigured(f"status {status}")


def _oauth_error(response: requests.Response) -> object:
    try:
        document = response.json()
    except requests.exceptions.JSONDecodeError:
        return None
    return document.get("error") if isinstance(document, dict) else None
