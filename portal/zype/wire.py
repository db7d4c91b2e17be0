"""One session a process to Zype: verified TLS, one deadline a call, no redirects, no cookies, no secrets in sight."""

import io
import ssl
from functools import cache, lru_cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.exceptions import TimeoutError as TransportTimeout

from portal.settings.settings import Settings
from portal.zype.connections import POOLS, Deadline, Exchange, current
from portal.zype.errors import ContractBroken, ZypeError, map_answer, map_failure
from portal.zype.payloads import BODY_LIMIT, Answer, oauth_error

__all__ = ["Deadline", "Wire", "ZypeAdapter"]

_HEADERS = {
    "User-Agent": "zype-activate",
    "Accept": "application/json",
    # Answers are small, and what is not compressed can't blow up.
    "Accept-Encoding": "identity",
}


class ZypeAdapter(HTTPAdapter):
    """What a requests session mounts to speak to Zype. It holds no secret itself.

    Args:
        connections: how many to keep open for each origin.
        connect_seconds: how long looking up, connecting and the TLS handshake may take together.
        call_seconds: how long a call may take in all, unless its exchange says otherwise.
    """

    def __init__(self, *, connections: int, connect_seconds: float, call_seconds: float) -> None:
        self._context = _trust(ssl.get_default_verify_paths())
        self._connect_seconds = connect_seconds
        self._call_seconds = call_seconds
        super().__init__(pool_maxsize=connections)

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
        return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._context}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the shared context verifies chain and name, whatever a caller asks for."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = resp.status
        response.reason = resp.reason
        response.headers = CaseInsensitiveDict(resp.headers)
        # Without a Location no session follows a redirect, and none prepares to.
        response.headers.pop("Location", None)
        response.url = req.url or ""
        response.request = req
        # Read whole, while the deadline holds. What is left is a plain file, of which no session takes cookies.
        response.raw = io.BytesIO(_read(resp))
        if not resp.closed:
            resp.close()
        return response

    def send(self, request: requests.PreparedRequest, *_: Any, **kwargs: Any) -> requests.Response:
        """Make one exchange; what the caller says of time-outs and verification does not count.

        Raises:
            requests.RequestException: with the class of what happened, and without text, request or context.
        """
        exchange = current()
        if exchange is None:
            with Exchange(Deadline(self._call_seconds)).running():
                return self.send(request, **kwargs)
        exchange.sent, exchange.status, exchange.retry_after = False, None, None
        answer = self._attempt(request, exchange, kwargs.get("proxies"))
        if isinstance(answer, requests.RequestException):
            raise answer
        exchange.status = answer.status_code
        exchange.retry_after = answer.headers.get("Retry-After")
        return answer

    def _attempt(
        self, request: requests.PreparedRequest, exchange: Exchange, proxies: Any
    ) -> requests.Response | requests.RequestException:
        """Return the answer or a clean copy of the failure: raised here, it would carry the original along."""
        wired = request
        if exchange.form:
            wired = request.copy()
            wired.prepare_body(exchange.form, None)
        try:
            limits = (self._connect_seconds, exchange.deadline.spend())
            response = super().send(wired, stream=True, timeout=limits, verify=True, proxies=proxies)
        except requests.RequestException as error:
            return type(error)(type(error).__name__)
        except (TimeoutError, TransportTimeout):
            return requests.Timeout("Timeout")
        except (OSError, HTTPError):
            return requests.ConnectionError("ConnectionError")
        response.request = request
        return response


@cache
def _trust(_paths: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """Return what verifies a host's chain and name, made once a process from the certificates at these paths.

    requests would read them again for every new connection, and each time takes 30 ms.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _read(answer: BaseHTTPResponse) -> bytes:
    """Return an answer's body, cut one byte after the limit; empty if what it is packed in is damaged."""
    try:
        return answer.read(BODY_LIMIT + 1, decode_content=True)
    except DecodeError:
        return b""


class Wire:
    """Sends calls to Zype and turns all that can go wrong with one into a ZypeError.

    Args:
        settings: time-outs, calls in flight, and whether the environment names a proxy.
    """

    def __init__(self, settings: Settings) -> None:
        self.adapter = ZypeAdapter(
            connections=settings.zype_concurrency,
            connect_seconds=settings.zype_connect_timeout,
            call_seconds=settings.zype_deadline,
        )
        self._session = requests.Session()
        self._session.trust_env = settings.outbound_proxy
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, self.adapter)

    def send(self, method: str, origin: str, path: str, exchange: Exchange) -> Answer:
        """Make a call and return its answer, which is a 200.

        A failure to connect is tried again once, within the deadline. So is a GET whose connection broke.
        Anything else that may have reached Zype is never sent again.

        Raises:
            ZypeError: for any other answer, and for none. It has no context: nothing leads from it to the
                query, the body or the answer.
        """
        request = _prepare(method, origin + path)
        response = self._try(request, exchange)
        if _is_worth_another(response, method, exchange):
            response = self._try(request, exchange)
        if isinstance(response, requests.RequestException):
            raise map_failure(method, path, response, sent=exchange.sent)
        answer = Answer(method, path, response.status_code, response.content)
        error = _error(answer, exchange)
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        """Close every connection that is kept open."""
        self._session.close()

    def _try(
        self, request: requests.PreparedRequest, exchange: Exchange
    ) -> requests.Response | requests.RequestException:
        with exchange.running():
            try:
                return self._session.send(request, allow_redirects=False)
            except requests.RequestException as error:
                return error


@lru_cache(maxsize=64)
def _prepare(method: str, url: str) -> requests.PreparedRequest:
    """Return a request as it is before its query and its form are added, by which two of a kind differ."""
    request = requests.PreparedRequest()
    request.prepare(method=method, url=url, headers=_HEADERS)
    return request


def _is_worth_another(response: requests.Response | requests.RequestException, method: str, exchange: Exchange) -> bool:
    """Tell whether a failed exchange may be made again: it can't have changed anything, and time is left."""
    if not isinstance(response, requests.RequestException):
        return False
    if isinstance(response, requests.Timeout):
        return False
    return (method == "GET" or not exchange.sent) and exchange.deadline.remaining() > 0


def map_login(method: str, path: str, exchange: Exchange, fault: Exception | None) -> ZypeError | None:
    """Return what another client's exchange with the login service means, or None if it is that client's to judge.

    Args:
        exchange: the last one that it made.
        fault: what it raised, if anything.
    """
    status = exchange.status
    if status is None and isinstance(fault, requests.RequestException):
        return map_failure(method, path, fault, sent=exchange.sent)
    if status == 200 and isinstance(fault, ValueError):
        return ContractBroken(method, path, status, field="body")
    if status is None or (status in (400, 401) and not isinstance(fault, requests.RequestException)):
        return None
    return map_answer(method, path, status, retry_after=exchange.retry_after)


def _error(answer: Answer, exchange: Exchange) -> ZypeError | None:
    if answer.status == 200:
        return None
    return map_answer(
        answer.method,
        answer.path,
        answer.status,
        retry_after=exchange.retry_after,
        oauth_error=oauth_error(answer),
    )
