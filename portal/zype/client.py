"""The calls that the portal makes to Zype, each typed, bounded in time, and guarded."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

from portal.domain.pins import Pin
from portal.settings.settings import Settings
from portal.zype import payloads
from portal.zype.breaker import Breaker, Bulkhead
from portal.zype.connections import Exchange
from portal.zype.errors import TOKEN_INFO_PATH, TOKEN_PATH, NotFound, Unavailable, ZypeError
from portal.zype.payloads import Answer, Consumer, DevicePin, Token, TokenInfo
from portal.zype.wire import Deadline, Wire, ZypeAdapter, map_login

Observe = Callable[[str, str, float], None]
Parsed = TypeVar("Parsed")

# Zype's ids are 24 hexadecimal characters. Whatever can't be one segment of a path can't be an id.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass
class _Origin:
    """A host of Zype's, with the breaker that watches over it."""

    url: str
    breaker: Breaker = field(default_factory=Breaker)


class ZypeClient:
    """Zype, as the rest of the portal sees it. Threads share one client.

    Every method raises ZypeError, by one of its subclasses, and nothing else. PUT /pin/link and
    PUT /pin/unlink are sent once: Unknown says that nobody can tell whether they were done.

    Args:
        settings: where Zype is, the credentials, time-outs and the number of calls in flight.
        observe: is told of each call: its name, ``ok`` or the label of its error, and the seconds it took.
    """

    def __init__(self, settings: Settings, observe: Observe = lambda call, result, seconds: None) -> None:
        self._settings = settings
        self._observe = observe
        self._wire = Wire(settings)
        self._bulkhead = Bulkhead(settings.zype_concurrency)
        self._api = _Origin(settings.zype_api_url)
        self._login = _Origin(settings.zype_login_url)

    def link(self, pin: Pin, consumer_id: str, deadline: Deadline | None = None) -> DevicePin:
        """Link the device that shows a PIN to a viewer.

        Raises:
            NotFound: if there is no such PIN.
            Refused, Unavailable, Misconfigured: if it was not done.
            Unknown: if it may have been done.
        """
        query = {"consumer_id": consumer_id, "pin": pin.secret}
        return self._ask("link", "PUT", "/pin/link", query, payloads.device_pin, deadline)

    def unlink(self, pin: Pin, consumer_id: str, deadline: Deadline | None = None) -> DevicePin:
        """Unlink the device with this PIN from a viewer. Raises as ``link`` does."""
        query = {"consumer_id": consumer_id, "pin": pin.secret}
        return self._ask("unlink", "PUT", "/pin/unlink", query, payloads.device_pin, deadline)

    def pin_status(self, device_id: str, deadline: Deadline | None = None) -> DevicePin:
        """Return the PIN of a device, with whom it is linked to; NotFound if it has none."""
        query = {"linked_device_id": device_id}
        return self._ask("pin_status", "GET", "/pin/status", query, payloads.device_pin, deadline)

    def consumer(self, consumer_id: str, deadline: Deadline | None = None) -> Consumer:
        """Return a viewer's account; NotFound if there is none."""
        if not _ID.fullmatch(consumer_id):
            raise NotFound("GET", "/consumers/", reason="not the shape of an id")
        path = f"/consumers/{consumer_id}"
        return self._ask("consumer", "GET", path, {}, payloads.consumer, deadline)

    def consumers_by_email(self, email: str, deadline: Deadline | None = None) -> tuple[Consumer, ...]:
        """Return the accounts that Zype finds for an e-mail; the caller checks that theirs is the same."""
        query = {"email": email, "per_page": "100"}
        return self._ask("consumers_by_email", "GET", "/consumers", query, payloads.consumers, deadline)

    def token(self, email: str, password: str, deadline: Deadline | None = None) -> Token:
        """Return a token for a viewer's e-mail and password; BadCredentials if they are wrong."""
        form = {"grant_type": "password", "username": email, "password": password, **self._client_fields()}
        exchange = self._exchange(deadline, form=form)
        return self._call("token", self._login, "POST", TOKEN_PATH, exchange, payloads.token)

    def token_info(self, access_token: str, deadline: Deadline | None = None) -> TokenInfo:
        """Return whose token it is; BadCredentials if it is nobody's."""
        exchange = self._exchange(deadline, {"access_token": access_token})
        return self._call("token_info", self._login, "GET", TOKEN_INFO_PATH, exchange, payloads.token_info)

    def revoke(self, token: str, deadline: Deadline | None = None) -> None:
        """End a token."""
        exchange = self._exchange(deadline, form={"token": token, **self._client_fields()})
        self._call("revoke", self._login, "POST", "/oauth/revoke", exchange, lambda answer: None)

    @property
    def login_adapter(self) -> ZypeAdapter:
        """What another client's requests session mounts to speak to the login service, inside ``login_call``."""
        return self._wire.adapter

    @contextmanager
    def login_call(self, method: str, path: str, deadline: Deadline | None = None) -> Iterator[None]:
        """Guard a call that another client makes to the login service through ``login_adapter``.

        An answer with 200, 400 or 401 is that client's to judge: what it raises then passes through.

        Args:
            method: of the call, for errors and logs.
            path: likewise, without a query.

        Raises:
            ZypeError: as for every other call, in place of what requests raises.
        """
        exchange = self._exchange(deadline)
        with self._guard("login", self._login, method, path, exchange), exchange.running():
            fault: Exception | None = None
            try:
                yield
            except Exception as error:
                fault = error
            fault = map_login(method, path, exchange, fault) or fault
            if fault is not None:
                raise fault

    def close(self) -> None:
        """Close every connection that is kept open."""
        self._wire.close()

    def _client_fields(self) -> dict[str, str]:
        return {
            "client_id": self._settings.zype_client_id,
            "client_secret": self._settings.zype_client_secret.get_secret_value(),
        }

    def _exchange(
        self,
        deadline: Deadline | None,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Exchange:
        deadline = deadline or Deadline(self._settings.zype_deadline)
        return Exchange(deadline, urlencode(query or {}), form or {})

    def _ask(
        self,
        call: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        parse: Callable[[Answer], Parsed],
        deadline: Deadline | None,
    ) -> Parsed:
        """Make a call to the platform API, the only origin that is ever given the key."""
        key = self._settings.zype_api_key.get_secret_value()
        exchange = self._exchange(deadline, {**query, "api_key": key})
        return self._call(call, self._api, method, path, exchange, parse)

    def _call(
        self,
        call: str,
        origin: _Origin,
        method: str,
        path: str,
        exchange: Exchange,
        parse: Callable[[Answer], Parsed],
    ) -> Parsed:
        with self._guard(call, origin, method, path, exchange):
            return parse(self._wire.send(method, origin.url, path, exchange))

    @contextmanager
    def _guard(self, call: str, origin: _Origin, method: str, path: str, exchange: Exchange) -> Iterator[None]:
        """Enter bulkhead and breaker around a call, and tell the observer how it went."""
        start = time.monotonic()
        result = ZypeError.label
        try:
            if not exchange.deadline.remaining():
                raise Unavailable(method, path, reason="no time left", retryable=True)
            with self._bulkhead.slot(method, path), origin.breaker.watch(method, path, exchange.is_answered):
                yield
            result = "ok"
        except ZypeError as error:
            result = error.label
            # What another client raised in login_call can hold the request and its secrets.
            error.__context__ = None
            raise
        finally:
            self._observe(call, result, time.monotonic() - start)
