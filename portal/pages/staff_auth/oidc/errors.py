"""What can go wrong between the portal and the staff's identity provider, and the one function that names an answer."""

from typing import Self

import requests

# RFC 6749, section 5.2, and RFC 6750: the provider refuses us, and not the person who signs in.
CLIENT_FAULTS = (
    "invalid_client",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_request",
    "invalid_token",
    "insufficient_scope",
)


class ProviderError(Exception):
    """Root of what can go wrong. It holds no token, code, claim, or text of the provider's; what led to it may.

    Args:
        reason: in our own words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.step = "sign-in"

    def at(self, step: str) -> Self:
        """Say which call it was, and return the error."""
        self.step = step
        return self

    def __str__(self) -> str:
        return f"{self.step}: {self.reason}"


class ProviderUnavailable(ProviderError):
    """It can't be reached, or says that it can't answer now: trying again later may help."""


class ProviderMisconfigured(ProviderError):
    """Nobody can sign in until somebody mends a setting here or there."""


class ProviderRefused(ProviderError):
    """This one sign-in can't be used: a code that is wrong, late or used, or an ID token that is not for us."""


def fault_of(answer: requests.Response) -> ProviderError | None:
    """Return the error that an answer means, or none for a 200. A redirect is none that anybody follows."""
    status = answer.status_code
    if status == 200:
        return None
    if status == 429 or status >= 500:
        return ProviderUnavailable(f"status {status}")
    said = _oauth_error(answer)
    if status == 400 and said not in CLIENT_FAULTS:
        return ProviderRefused(f"status {status}")
    return ProviderMisconfigured(f"status {status}" + (f", {said}" if said in CLIENT_FAULTS else ""))


def _oauth_error(answer: requests.Response) -> str | None:
    try:
        document = answer.json()
    except requests.exceptions.JSONDecodeError:
        return None
    said = document.get("error") if isinstance(document, dict) else None
    return said if isinstance(said, str) else None
