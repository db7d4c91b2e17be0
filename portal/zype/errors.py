"""What can go wrong with a call to Zype, and the two functions that map it to an error.

Errors are for rules and logs, never for a page. None holds a query, a body, a header or a secret.
"""

from typing import ClassVar

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a token.
TOKEN_INFO_PATH = "/oauth/token/info"  # noqa: S105 - likewise.

# RFC 6749 section 5.2: with these the client is wrong, that is the portal's registration at Zype. Any other code is
# about the viewer's email and password.
_CLIENT_ERRORS = frozenset(
    {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_request"}
)
_MIN_RETRY_AFTER, _MAX_RETRY_AFTER = 1.0, 3600.0


class ZypeError(Exception):
    """Base class of what can go wrong with a call to Zype.

    Args:
        method: the HTTP method.
        path: the path below the origin, without a query.
        status: the HTTP status of the answer; None if there was no whole answer.
        reason: what happened, in the portal's own words.
        retryable: whether the same call can be made again without harm and may succeed.
        retry_after: seconds after which to try again, if Zype or the breaker gave them.
    """

    label: ClassVar[str] = "error"

    def __init__(
        self,
        method: str,
        path: str,
        status: int | None = None,
        *,
        reason: str,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        answered = "no answer" if status is None else f"status {status}"
        super().__init__(f"{method} {path}: {reason} ({answered})")
        self.method = method
        self.path = path
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after


class NotFound(ZypeError):
    """404: there is no such PIN, device or consumer, or it belongs to another property."""

    label = "not_found"


class Refused(ZypeError):
    """422: one of Zype's rules forbids it."""

    label = "refused"


class Unavailable(ZypeError):
    """Nothing was sent, or Zype refused: nothing has changed."""

    label = "unavailable"


class Busy(Unavailable):
    """Nothing was sent: whoever asks for the call has enough of them in flight, or all have."""

    label = "busy"


class Unknown(ZypeError):
    """The call was sent and no usable answer came: it may have been done."""

    label = "unknown"


class ContractBroken(Unknown):
    """The answer came whole, but a field breaks the contract; ``body`` if the body can't be read at all."""

    label = "contract_broken"

    def __init__(self, method: str, path: str, status: int | None = None, *, field: str) -> None:
        super().__init__(method, path, status, reason=f"{field} breaks the contract")
        self.field = field


class Misconfigured(ZypeError):
    """Zype refused the portal's key or client: the operator has to act."""

    label = "misconfigured"


class BadCredentials(ZypeError):
    """The viewer's email and password, or their token, are not accepted."""

    label = "bad_credentials"


def map_answer(
    method: str, path: str, status: int, *, retry_after: str | None = None, oauth_error: str | None = None
) -> ZypeError:
    """Return the error that an answer with another status than 200 means.

    Decides by the status and, at the token endpoint, by the ``error`` of RFC 6749; never by a message.

    Args:
        retry_after: the answer's Retry-After header.
        oauth_error: the ``error`` field of the answer's body, if it has one.
    """
    if status in (400, 401) and path in (TOKEN_PATH, TOKEN_INFO_PATH):
        return _map_sign_in(method, path, status, oauth_error)
    match status:
        case 401 | 403:
            return Misconfigured(method, path, status, reason="Zype refused our credentials")
        case 404:
            return NotFound(method, path, status, reason="not found")
        case 422:
            return Refused(method, path, status, reason="refused")
        case 429 | 503:
            seconds = _retry_after_seconds(retry_after)
            return Unavailable(method, path, status, reason="Zype is busy", retryable=True, retry_after=seconds)
        case _ if 300 <= status < 500:
            return Unavailable(method, path, status, reason="not an answer that Zype documents")
    return Unknown(method, path, status, reason="the outcome is unknown", retryable=method == "GET")


def _map_sign_in(method: str, path: str, status: int, oauth_error: str | None) -> ZypeError:
    """Map a 400 or 401 of the login service, which is about the viewer unless its ``error`` names the client."""
    if path == TOKEN_PATH and isinstance(oauth_error, str) and oauth_error in _CLIENT_ERRORS:
        return Misconfigured(method, path, status, reason=f"Zype refused our client: {oauth_error}")
    if path == TOKEN_INFO_PATH and status == 400:
        return Unavailable(method, path, status, reason="not an answer that Zype documents")
    return BadCredentials(method, path, status, reason="credentials not accepted")


def map_failure(method: str, path: str, failure: requests.RequestException, *, sent: bool) -> ZypeError:
    """Return the error that a failed request means.

    Args:
        failure: what requests raised. Only its class is used, because its text can hold a URL.
        sent: whether the whole request may have left this machine.
    """
    timed_out = isinstance(failure, requests.Timeout)
    if sent:
        reason = "timed out after sending" if timed_out else "the connection broke after sending"
        return Unknown(method, path, reason=reason, retryable=method == "GET")
    reason = "timed out before sending" if timed_out else "could not connect"
    if isinstance(failure, requests.exceptions.SSLError):
        reason = "TLS failed; is the certificate valid?"
    return Unavailable(method, path, reason=reason, retryable=True)


def _retry_after_seconds(header: str | None) -> float | None:
    """Return a Retry-After header (RFC 9110 section 10.2.3) as seconds from now, within bounds, or None."""
    try:
        seconds = Retry().parse_retry_after(header or "")
    except (InvalidHeader, ValueError, OverflowError):
        return None
    return min(max(seconds, _MIN_RETRY_AFTER), _MAX_RETRY_AFTER)
