"""The transport adapter for Zype: verified TLS, one deadline a request, no redirects, no cookies."""

import io
import ssl
from collections.abc import Mapping
from functools import cache, cached_property
from http.client import HTTPException
from math import inf
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as TransportTimeout

from portal.settings.addresses import is_loopback_url
from portal.zype.answers import BrokenAnswer, Received
from portal.zype.connections import POOLS, Call, Connections, Limits, active_call
from portal.zype.deadline import Deadline


class Route(NamedTuple):
    """A request, the connections that it takes one of, and how it is written around the query.

    Args:
        target: what the request line has between method and query.
        head: what follows the query: the rest of the request line, and the headers.
    """

    request: requests.PreparedRequest
    connections: Connections
    target: str
    head: bytes


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
        self._limits = Limits(connect_seconds, read_seconds)
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
        return _response_to(request, received)

    def route(self, request: requests.PreparedRequest, proxies: Any) -> Route:
        """Return where a request is sent. Raises requests.RequestException if the proxy's address is no URL."""
        if proxies and is_loopback_url(request.url or ""):
            # To a proxy on another machine, loopback is that machine.
            proxies = None
        connections = self.get_connection_with_tls_context(request, True, proxies)
        return _route(request, connections, self.request_url(request, proxies))  # type: ignore[arg-type]  # Of POOLS.

    def exchange(self, route: Route, call: Call) -> Received | requests.RequestException:
        """Send a request once for a call, and return what came within its deadline.

        A failure is returned as a clean copy: raised here, it would have the original as context.
        """
        call.sent, call.status, call.retry_after = False, None, None
        if call.form:
            route = _with_form(route, call.form)
        try:
            received = route.connections.exchange(_written(route, call.query), call, self._limits)
        except NewConnectionError:
            # urllib3 counts it as a time-out.
            return requests.ConnectionError("ConnectionError")
        except (TimeoutError, TransportTimeout):
            return requests.Timeout("Timeout")
        except (ssl.SSLError, SSLError):
            return requests.exceptions.SSLError("SSLError")
        except (OSError, HTTPException, HTTPError, BrokenAnswer):
            return requests.ConnectionError("ConnectionError")
        call.status, retry_after = received.status, received.headers.get(b"retry-after")
        call.retry_after = retry_after.decode("latin-1") if retry_after else None
        return received


def _route(request: requests.PreparedRequest, connections: Connections, target: str) -> Route:
    headers = {"Host": urlsplit(request.url or "").netloc.rpartition("@")[2], **request.headers}
    if not target.startswith("/"):
        # To a proxy that opens no tunnel.
        headers |= connections.proxy_headers
    # requests has checked what is in them.
    lines = [" HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return Route(request, connections, target, "\r\n".join(lines).encode("latin-1"))


def _with_form(route: Route, form: Mapping[str, str]) -> Route:
    request = route.request.copy()
    request.prepare_body(form, None)
    return _route(request, route.connections, route.target)


def _written(route: Route, query: str) -> bytes:
    """Return a whole request as it is sent."""
    method, body = route.request.method, route.request.body or b""
    start = f"{method} {route.target}?{query}" if query else f"{method} {route.target}"
    return start.encode("ascii") + route.head + (body.encode() if isinstance(body, str) else body)


def _response_to(request: requests.PreparedRequest, received: Received) -> requests.Response:
    """Return an answer as requests has it."""
    response = requests.Response()
    response.status_code = received.status
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in received.headers.items()}
    # Without a Location no session follows a redirect, or prepares to.
    headers.pop("location", None)
    response.headers = CaseInsensitiveDict(headers)
    response.url = request.url or ""
    response.request = request
    # A session takes no cookies from a plain file.
    response.raw = io.BytesIO(received.content())
    return response


@cache
def _tls_context(_paths: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Return a context that verifies chain and name, made once a process from the certificates at these paths.

    requests would read them again for every new connection. It takes 30 to 100 ms each time.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context
