"""Calls to Zype over HTTP, and what the answers and failures mean."""

from functools import lru_cache
from urllib.parse import urlsplit

import requests
from requests.utils import resolve_proxies

from portal.settings.settings import Settings
from portal.zype.adapter import Route, ZypeAdapter
from portal.zype.answers import Received
from portal.zype.connections import Call
from portal.zype.errors import ContractBroken, ZypeError, map_answer, map_failure
from portal.zype.payloads import Answer, oauth_error

_HEADERS = {
    "User-Agent": "zype-activate",
    "Accept": "application/json",
    # Answers are small, and what is not compressed can't be a decompression bomb.
    "Accept-Encoding": "identity",
}


class Transport:
    """Sends calls to Zype, and turns everything that can go wrong with one into a ZypeError."""

    def __init__(self, settings: Settings) -> None:
        self.adapter = ZypeAdapter(
            connections=settings.zype_concurrency,
            connect_seconds=settings.zype_connect_timeout,
            call_seconds=settings.zype_deadline,
            read_seconds=settings.zype_read_timeout,
        )
        if "https" in {urlsplit(url).scheme for url in (settings.zype_api_url, settings.zype_login_url)}:
            # Read before the workers are forked, so that they share it, and no viewer waits for it.
            _ = self.adapter.context
        self._has_proxy = settings.outbound_proxy
        self._route = lru_cache(maxsize=64)(self._find_route)

    def send(self, method: str, origin: str, path: str, call: Call) -> Answer:
        """Send a call and return its answer, which is a 200.

        A failure to connect is retried once, within the deadline. So is a GET whose connection broke.
        Anything else that may have reached Zype is never sent again.

        Raises:
            ZypeError: for any other answer, and for none. It has no context: nothing leads from it to the
                query, the body or the answer.
        """
        received = self._attempt(method, origin + path, call)
        if _may_retry(received, method, call):
            received = self._attempt(method, origin + path, call)
        if isinstance(received, requests.RequestException):
            raise map_failure(method, path, received, sent=call.sent)
        answer = Answer(method, path, received.status, received.content())
        if answer.status != 200:
            raise map_answer(method, path, answer.status, retry_after=call.retry_after, oauth_error=oauth_error(answer))
        return answer

    def close(self) -> None:
        """Close every connection that is kept open."""
        self._route.cache_clear()
        self.adapter.close()

    def _attempt(self, method: str, url: str, call: Call) -> Received | requests.RequestException:
        try:
            route = self._route(method, url)
        except requests.RequestException as error:
            return error
        # A session would look for cookies, redirects and hooks as well; there are none.
        return self.adapter.exchange(route, call)

    def _find_route(self, method: str, url: str) -> Route:
        """Return the route of a request without its query and form, so that calls of one kind can share it."""
        request = requests.PreparedRequest()
        request.prepare(method=method, url=url, headers=_HEADERS)
        return self.adapter.route(request, resolve_proxies(request, {}, self._has_proxy))


def _may_retry(received: object, method: str, call: Call) -> bool:
    """Return whether to send again: it failed but not by a time-out, can't have changed anything, and time is left."""
    has_failed = isinstance(received, requests.RequestException) and not isinstance(received, requests.Timeout)
    return has_failed and (method == "GET" or not call.sent) and call.deadline.remaining() > 0


def map_login(method: str, path: str, call: Call, fault: Exception | None) -> ZypeError | None:
    """Return the error that another client's request to the login service means, or None if that client decides.

    The fault is what that client raised, if anything.
    """
    if call.status is None:
        if isinstance(fault, requests.RequestException):
            return map_failure(method, path, fault, sent=call.sent)
        return None
    if call.status == 200:
        return ContractBroken(method, path, 200, field="body") if isinstance(fault, ValueError) else None
    if call.status in (400, 401) and not isinstance(fault, requests.RequestException):
        return None
    return map_answer(method, path, call.status, retry_after=call.retry_after)
