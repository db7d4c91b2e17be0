"""HTTP as the portal speaks it to Zype: one session, verified TLS, one deadline a call, no redirects, no cookies."""

import io
import ssl
from functools import cache, cached_property, lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, resolve_proxies
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.exceptions import TimeoutError as TransportTimeout

from portal.settings.addresses import is_loopback_url
from portal.settings.settings import Settings
from portal.zype.connections import POOLS, Call, active_call
from portal.zype.deadline import Deadline
from portal.zype.errors import ContractBroken, ZypeError, map_answer, map_failure
from portal.zype.payloads import BODY_LIMIT, Answer, oauth_error

_HEADERS = {
    "User-Agent": "zype-activate",
    "Accept": "application/json",
    # Answers are small, and what is not compressed can't be a decompression bomb.
    "Accept-Encoding": "identity",
}


class ZypeAdapter(HTTPAdapter):
    """The transport adapter that a requests session mounts to reach Zype. It holds no secret itself.

    Args:
        connections: how many to keep open for each origin.
        connect_seconds: how long look-up, connecting and the TLS handshake may take together.
        call_seconds: how long a request may take that is made outside any call.
    """

    def __init__(self, *, connections: int, connect_seconds: float, call_seconds: float) -> None:
        self._connect_seconds = connect_seconds
        self._call_seconds = call_seconds
        super().__init__(pool_maxsize=connections)

    @cached_property
    def context(self) -> ssl.SSLContext:
        """What verifies chain and name of every connection."""
        return _tls_context(ssl.get_default_verify_paths())

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, True, None)
        if host["scheme"] == "http":
            # To a stand-in on loopback, which no proxy is used for.
            return host, {}
        return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": self.context}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the shared context verifies chain and name, whatever a caller asks for."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = resp.status
        response.reason = resp.reason
        response.headers = CaseInsensitiveDict(resp.headers)
        # Without a Location no session follows a redirect, or prepares to.
        response.headers.pop("Location", None)
        response.url = req.url or ""
        response.request = req
        # Read whole, within the deadline. A session takes no cookies from a plain file.
        response.raw = io.BytesIO(_read_body(resp))
        if not resp.closed:
            resp.close()
        return response

    def send(self, request: requests.PreparedRequest, *_: Any, **kwargs: Any) -> requests.Response:
        """Send a request; the caller's time-outs and verification don't count.

        What it raises has the class of what happened, a requests.RequestException, but no text, request or context.
        """
        call = active_call.get()
        if call is None:
            with Call(Deadline(self._call_seconds)).active():
                return self.send(request, **kwargs)
        call.sent, call.status, call.retry_after = False, None, None
        proxies = kwargs.get("proxies")
        # To a proxy on another machine, loopback is that machine.
        response = self._send(request, call, None if proxies and is_loopback_url(request.url or "") else proxies)
        if isinstance(response, requests.RequestException):
            raise response
        call.status = response.status_code
        call.retry_after = response.headers.get("Retry-After")
        return response

    def _send(
        self, request: requests.PreparedRequest, call: Call, proxies: Any
    ) -> requests.Response | requests.RequestException:
        """Return the response or a clean copy of the failure: raised here, it would have the original as context."""
        sent = request
        if call.form:
            sent = request.copy()
            sent.prepare_body(call.form, None)
        try:
            timeouts = (self._connect_seconds, call.deadline.timeout())
            response = super().send(sent, stream=True, timeout=timeouts, verify=True, proxies=proxies)
        except requests.RequestException as error:
            return type(error)(type(error).__name__)
        except (TimeoutError, TransportTimeout):
            return requests.Timeout("Timeout")
        except (OSError, HTTPError):
            return requests.ConnectionError("ConnectionError")
        response.request = request
        return response


@cache
def _tls_context(_paths: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Return a context that verifies chain and name, made once a process from the certificates at these paths.

    requests would read them again for every new connection. It takes 30 to 100 ms each time.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _read_body(response: BaseHTTPResponse) -> bytes:
    """Return the body, cut one byte after the limit; empty if its content encoding is broken."""
    try:
        return response.read(BODY_LIMIT + 1, decode_content=True)
    except DecodeError:
        return b""


class Transport:
    """Sends calls to Zype, and turns everything that can go wrong with one into a ZypeError."""

    def __init__(self, settings: Settings) -> None:
        self.adapter = ZypeAdapter(
            connections=settings.zype_concurrency,
            connect_seconds=settings.zype_connect_timeout,
            call_seconds=settings.zype_deadline,
        )
        if "https" in {urlsplit(url).scheme for url in (settings.zype_api_url, settings.zype_login_url)}:
            # Read before the workers are forked, so that they share it, and no viewer waits for it.
            _ = self.adapter.context
        self._has_proxy = settings.outbound_proxy

    def send(self, method: str, origin: str, path: str, call: Call) -> Answer:
        """Send a call and return its answer, which is a 200.

        A failure to connect is retried once, within the deadline. So is a GET whose connection broke.
        Anything else that may have reached Zype is never sent again.

        Raises:
            ZypeError: for any other answer, and for none. It has no context: nothing leads from it to the
                query, the body or the answer.
        """
        request = _prepare(method, origin + path)
        response = self._attempt(request, call)
        if _may_retry(response, method, call):
            response = self._attempt(request, call)
        if isinstance(response, requests.RequestException):
            raise map_failure(method, path, response, sent=call.sent)
        answer = Answer(method, path, response.status_code, response.content)
        if answer.status != 200:
            raise map_answer(method, path, answer.status, retry_after=call.retry_after, oauth_error=oauth_error(answer))
        return answer

    def close(self) -> None:
        """Close every connection that is kept open."""
        self.adapter.close()

    def _attempt(self, request: requests.PreparedRequest, call: Call) -> requests.Response | requests.RequestException:
        with call.active():
            try:
                # A session would look for cookies, redirects and hooks as well; there are none.
                return self.adapter.send(request, proxies=resolve_proxies(request, {}, self._has_proxy))
            except requests.RequestException as error:
                return error


@lru_cache(maxsize=64)
def _prepare(method: str, url: str) -> requests.PreparedRequest:
    """Return a request without its query and form, so that calls of one kind can share it."""
    request = requests.PreparedRequest()
    request.prepare(method=method, url=url, headers=_HEADERS)
    return request


def _may_retry(response: requests.Response | requests.RequestException, method: str, call: Call) -> bool:
    """Return whether to send again: it failed but not by a time-out, can't have changed anything, and time is left."""
    has_failed = isinstance(response, requests.RequestException) and not isinstance(response, requests.Timeout)
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
