"""The calls that the portal makes to Zype, each typed, bounded in time, and guarded."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TypeVar
from urllib.parse import quote_plus, urlencode

from portal.domain.pins import Pin
from portal.settings.settings import Settings
from portal.zype import payloads
from portal.zype.adapter import ZypeAdapter
from portal.zype.breaker import Origin, subject_of
from portal.zype.bulkhead import Bulkhead, FindCaller, Pool
from portal.zype.connections import Call
from portal.zype.deadline import Deadline
from portal.zype.errors import TOKEN_INFO_PATH, TOKEN_PATH, Busy, Misconfigured, NotFound, Unavailable, ZypeError
from portal.zype.payloads import Answer, Consumer, DevicePin, Token, TokenInfo
from portal.zype.wire import Transport, map_login

Observe = Callable[[str, str, float], None]
Parsed = TypeVar("Parsed")

# Zype's ids are 24 hexadecimal characters. What can't be one segment of a path can't be an id.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ZypeClient:
    """Zype, as the rest of the portal uses it. Threads share one client.

    Every method raises ZypeError, by one of its subclasses, and nothing else. PUT /pin/link and
    PUT /pin/unlink are sent once: Unknown means that they may have been done.

    Args:
        observe: called for each call with its name, ``ok`` or the label of its error, and the seconds it took.
        find_caller: returns who asks for the call that this thread is about to make, because nobody has more than a
            share of the calls in flight; none for the portal itself.
        on_full: called with the pool of calls in flight that had no place left for a call.
    """

    def __init__(
        self,
        settings: Settings,
        observe: Observe = lambda name, result, seconds: None,
        find_caller: FindCaller = lambda: None,
        on_full: Callable[[Pool], None] = lambda pool: None,
    ) -> None:
        self._settings = settings
        self._observe = observe
        self._find_caller = find_caller
        self._transport = Transport(settings)
        # Half of the threads that call nobody, so that the others answer pages.
        waiting = (settings.threads - settings.zype_concurrency) // 2
        self._bulkhead = Bulkhead(settings.zype_concurrency, on_full, waiting)
        self._api = Origin(settings.zype_api_url)
        self._login = Origin(settings.zype_login_url)

    def link(self, pin: Pin, consumer_id: str, deadline: Deadline | None = None) -> DevicePin:
        """Link the device that shows a PIN to a viewer.

        Raises:
            NotFound: if there is no such PIN.
            Refused, Unavailable, Misconfigured: if it was not done.
            Unknown: if it may have been done.
        """
        call = self._pin_call(deadline, pin, consumer_id)
        return self._send("link", self._api, "PUT", "/pin/link", call, payloads.device_pin)

    def unlink(self, pin: Pin, consumer_id: str, deadline: Deadline | None = None) -> DevicePin:
        """Unlink the device with this PIN from a viewer. Raises what ``link`` raises."""
        call = self._pin_call(deadline, pin, consumer_id)
        return self._send("unlink", self._api, "PUT", "/pin/unlink", call, payloads.device_pin)

    def pin_status(self, device_id: str, deadline: Deadline | None = None) -> DevicePin:
        """Return a device's PIN and the viewer it is linked to; NotFound if it has no PIN."""
        call = self._new_call(deadline, f"linked_device_id={quote_plus(device_id)}&{self._app_or_admin_key}")
        return self._send("pin_status", self._api, "GET", "/pin/status", call, payloads.device_pin)

    def consumer(self, consumer_id: str, deadline: Deadline | None = None) -> Consumer:
        """Return a viewer's account, by the Admin key; NotFound if there is none."""
        return self._consumer(consumer_id, deadline, self._admin_key())

    def own_consumer(self, consumer_id: str, access_token: str, deadline: Deadline | None = None) -> Consumer:
        """Return a viewer's account, by their own token; Misconfigured if Zype does not accept it."""
        return self._consumer(consumer_id, deadline, {"access_token": access_token})

    def consumers_by_email(self, email: str, deadline: Deadline | None = None) -> tuple[Consumer, ...]:
        """Return the accounts that Zype finds for an email; the caller checks that their email is the same."""
        call = self._new_call(deadline, urlencode({"email": email, "per_page": "100", **self._admin_key()}))
        return self._send("consumers_by_email", self._api, "GET", "/consumers", call, payloads.consumers)

    def forgot_password(self, email: str, deadline: Deadline | None = None) -> None:
        """Have Zype send a viewer its mail to set a new password; Refused or NotFound if it has no such account.

        Raises besides what ``link`` raises.
        """
        # Not in the query: what stands there ends up in logs.
        call = self._new_call(deadline, self._app_or_admin_key, {"email": email})
        path, subject = "/consumers/forgot_password", _account(email)
        self._send("forgot_password", self._api, "PUT", path, call, lambda answer: None, subject)

    def token(self, email: str, password: str, deadline: Deadline | None = None) -> Token:
        """Return a token for a viewer's email and password; BadCredentials if they are wrong."""
        form = {"grant_type": "password", "username": email, "password": password, **self._client_fields()}
        call = self._new_call(deadline, form=form)
        return self._send("token", self._login, "POST", TOKEN_PATH, call, payloads.token, _account(email))

    def token_info(self, access_token: str, deadline: Deadline | None = None) -> TokenInfo:
        """Return the owner of a token; BadCredentials if the token is not valid."""
        call = self._new_call(deadline, urlencode({"access_token": access_token}))
        return self._send("token_info", self._login, "GET", TOKEN_INFO_PATH, call, payloads.token_info)

    def revoke(self, token: str, deadline: Deadline | None = None) -> None:
        """Revoke a token."""
        call = self._new_call(deadline, form={"token": token, **self._client_fields()})
        self._send("revoke", self._login, "POST", "/oauth/revoke", call, lambda answer: None)

    @property
    def login_adapter(self) -> ZypeAdapter:
        """What another client's requests session mounts to reach the login service, inside ``login_call``."""
        return self._transport.adapter

    def operation(self, name: str, method: str, path: str, *, for_link: bool = False) -> AbstractContextManager[None]:
        """Return a place of the bulkhead for a with statement, whose calls share it: none is refused half-way.

        Raises Busy if there is no place.

        Args:
            name: of the first call, for the observer; so are method and path, for the error.
            for_link: they link a TV, so that they may take a place of those that are kept for links.
        """
        try:
            return self._bulkhead.slot(method, path, self._find_caller, for_link=for_link)
        except Busy as error:
            self._observe(name, error.label, 0.0)
            raise

    @contextmanager
    def login_call(self, method: str, path: str, deadline: Deadline | None = None) -> Iterator[None]:
        """Guard a request that another client makes to the login service through ``login_adapter``.

        That client decides on an answer with 200, 400 or 401: what it then raises passes through. In place of what
        requests raises, this raises ZypeError as for every other call, with the method and the path.
        """
        call = self._new_call(deadline)
        with self._guard("login", self._login, method, path, call), call.active():
            fault: Exception | None = None
            try:
                yield
            except Exception as error:
                fault = error
            fault = map_login(method, path, call, fault) or fault
            if fault is not None:
                raise fault

    def open_breakers(self) -> dict[str, bool]:
        """Return, for each service of Zype's, whether its breaker refuses calls at this moment."""
        return {"api": self._api.breaker.is_open, "login": self._login.breaker.is_open}

    def close(self) -> None:
        """Close every connection that is kept open."""
        self._transport.close()

    def _client_fields(self) -> dict[str, str]:
        return {
            "client_id": self._settings.zype_client_id,
            "client_secret": self._settings.zype_client_secret.get_secret_value(),
        }

    def _new_call(self, deadline: Deadline | None, query: str = "", form: Mapping[str, str] | None = None) -> Call:
        return Call(deadline or Deadline(self._settings.zype_deadline), query, form or {})

    def _pin_call(self, deadline: Deadline | None, pin: Pin, consumer_id: str) -> Call:
        query = f"consumer_id={quote_plus(consumer_id)}&pin={quote_plus(pin.secret)}&{self._app_or_admin_key}"
        return self._new_call(deadline, query)

    @cached_property
    def _app_or_admin_key(self) -> str:
        """The App key if there is one, as in a query: it opens one app, the Admin key the property."""
        app_key = self._settings.zype_app_key
        return urlencode({"app_key": app_key.get_secret_value()} if app_key else self._admin_key())

    def _admin_key(self) -> dict[str, str]:
        key = self._settings.zype_api_key
        if key is None:
            raise Misconfigured("GET", "/consumers", reason="no Admin key")
        return {"api_key": key.get_secret_value()}

    def _consumer(self, consumer_id: str, deadline: Deadline | None, key: Mapping[str, str]) -> Consumer:
        if not _ID.fullmatch(consumer_id):
            raise NotFound("GET", "/consumers/", reason="not the shape of an id")
        call, path = self._new_call(deadline, urlencode(key)), f"/consumers/{consumer_id}"
        return self._send("consumer", self._api, "GET", path, call, payloads.consumer)

    def _send(
        self,
        name: str,
        origin: Origin,
        method: str,
        path: str,
        call: Call,
        parse: Callable[[Answer], Parsed],
        subject: str | None = None,
    ) -> Parsed:
        with self._guard(name, origin, method, path, call, subject):
            return parse(self._transport.send(method, origin.url, path, call))

    @contextmanager
    def _guard(
        self, name: str, origin: Origin, method: str, path: str, call: Call, subject: str | None = None
    ) -> Iterator[None]:
        """Put a call under bulkhead and breaker, and report its result to the observer.

        Args:
            subject: the account that the call is about; none for that of the caller.
        """
        start = time.monotonic()
        result = ZypeError.label
        try:
            if not call.deadline.remaining():
                raise Unavailable(method, path, reason="no time left", retryable=True)
            with (
                self._bulkhead.slot(method, path, self._find_caller),
                origin.breaker.watch(
                    method, path, call.is_answered, lambda: subject or subject_of(self._find_caller())
                ),
            ):
                yield
            result = "ok"
        except ZypeError as error:
            result = error.label
            # What another client raised in login_call can hold the request and its secrets.
            error.__context__ = None
            raise
        finally:
            self._observe(name, result, time.monotonic() - start)


def _account(email: str) -> str:
    """Return an account in one spelling: if Zype fails for it alone, that must not open the breaker for all."""
    return email.strip().casefold()
