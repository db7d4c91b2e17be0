"""The transport adapter for Zype: verified TLS, one deadline a request, no redirects, no cookies."""

import io
import ssl
from functools import cache, cached_property
from math import inf
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.exceptions import DecodeError, HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as TransportTimeout

from portal.settings.addresses import is_loopback_url
from portal.zype.connections import POOLS, Call, active_call
from portal.zype.deadline import Deadline
from portal.zype.payloads import BODY_LIMIT


class Route(NamedTuple):
    """A request, the connections that it takes one of, and what its request line has as the target."""

    request: requests.PreparedRequest
    pool: HTTPConnectionPool
    target: str


class Received(NamedTuple):
    """An answer and its body, which was read whole."""

    answer: BaseHTTPResponse
    body: bytes


class ZypeAdapter(HTTPAdapter):
    """The transport adapter that a requests session mounts to reach Zype. It holds no secret itself.

    Args:
        connections: how many to keep open for each origin.
        connect_seconds: how long look-up, connecting and the TLS handshake may take together.
        call_seconds: how long a request may take that is made outside any call.
        read_seconds: how long the other side may be silent.
    """

    def __init__(
        self, *, connections: int, connect_seconds: float, call_seconds: float, read_seconds: float = inf
    ) -> None:
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
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

    def send(self, request: requests.PreparedRequest, *_: Any, **kwargs: Any) -> requests.Response:
        """Send a request of another client; the caller's time-outs and verification don't count.

        What it raises has the class of what happened, a requests.RequestException, but no text, request or context.
        """
        call = active_call.get()
        if call is None:
            with Call(Deadline(self._call_seconds)).active():
                return self.send(request, **kwargs)
        try:
            received = self.exchange(self.route(request, kwargs.get("proxies")), call)
        except requests.RequestException as error:
            received = type(error)(type(error).__name__)
        except HTTPError:
            received = requests.exceptions.InvalidURL("InvalidURL")
        if isinstance(received, requests.RequestException):
            raise received
        return _response_to(request, *received)

    def route(self, request: requests.PreparedRequest, proxies: Any) -> Route:
        """Return where a request is sent. Raises requests.RequestException if the proxy's address is no URL."""
        if proxies and is_loopback_url(request.url or ""):
            # To a proxy on another machine, loopback is that machine.
            proxies = None
        pool = self.get_connection_with_tls_context(request, True, proxies)
        return Route(request, pool, self.request_url(request, proxies))  # type: ignore[arg-type]  # An HTTP pool.

    def exchange(self, route: Route, call: Call) -> Received | requests.RequestException:
        """Send a request once, for the call that is active, and return what came within the deadline.

        A failure is returned as a clean copy: raised here, it would have the original as context.
        """
        call.sent, call.status, call.retry_after = False, None, None
        request = route.request
        if call.form:
            request = request.copy()
            request.prepare_body(call.form, None)
        try:
            answer = route.pool.urlopen(
                request.method or "",
                route.target,
                request.body,
                request.headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=Timeout(connect=self._connect_seconds, read=min(self._read_seconds, call.deadline.timeout())),
                preload_content=False,
                decode_content=False,
            )
            body = _read_body(answer)
        except NewConnectionError:
            # urllib3 counts it as a time-out.
            return requests.ConnectionError("ConnectionError")
        except (TimeoutError, TransportTimeout):
            return requests.Timeout("Timeout")
        except SSLError:
            return requests.exceptions.SSLError("SSLError")
        except (OSError, HTTPError):
            return requests.ConnectionError("ConnectionError")
        call.status, call.retry_after = answer.status, answer.headers.get("Retry-After")
        return Received(answer, body)


def _response_to(request: requests.PreparedRequest, answer: BaseHTTPResponse, body: bytes) -> requests.Response:
    """Return an answer as requests has it."""
    response = requests.Response()
    response.status_code = answer.status
    response.reason = answer.reason  # type: ignore[assignment]  # None is what requests itself would put here.
    response.headers = CaseInsensitiveDict(answer.headers)
    # Without a Location no session follows a redirect, or prepares to.
    response.headers.pop("Location", None)
    response.url = request.url or ""
    response.request = request
    # A session takes no cookies from a plain file.
    response.raw = io.BytesIO(body)
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
    finally:
        if not response.closed:
            response.close()
