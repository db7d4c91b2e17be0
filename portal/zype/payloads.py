"""Zype's answers as typed values: tolerant of every shape that is documented, strict about types.

Whatever a body holds, the outcome is a value or ContractBroken. Fields that are not named here stop here:
Zype sends password tokens and payment ids along with a consumer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.zype.errors import ContractBroken

# A hundred consumers are some 200 kB; more than this is not an answer to anything that we ask.
BODY_LIMIT = 1024 * 1024
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Answer:
    """What Zype answered.

    Args:
        method: the HTTP method of the call.
        path: the path of the call, without a query.
        status: the HTTP status.
        body: the body, cut one byte after BODY_LIMIT.
    """

    method: str
    path: str
    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class DevicePin:
    """A PIN as Zype knows it. Each field is None where Zype does not say."""

    consumer_id: str | None
    linked: bool | None
    linked_device_id: str | None
    pin: str | None = field(repr=False)


@dataclass(frozen=True)
class Consumer:
    """A viewer's account.

    Args:
        created_at: ISO 8601, as Zype wrote it.
        linked_devices: the ids of the linked TVs, each once.
    """

    id: str
    email: str | None
    name: str | None
    created_at: str | None
    subscription_count: int | None
    linked_devices: tuple[str, ...]


@dataclass(frozen=True)
class Token:
    """An access token of a viewer, and the token that renews it."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


@dataclass(frozen=True)
class TokenInfo:
    """Whose token it is."""

    consumer_id: str


def device_pin(answer: Answer) -> DevicePin:
    """Read the answer to a call below /pin.

    The specification names the flag "linked true", with the space, and clients in the field read "linked":
    either one that says false is believed.

    Raises:
        ContractBroken: naming the field that is of the wrong type.
    """
    pin = _Fields(answer, _response(answer, dict))
    flags = {pin.flag("linked"), pin.flag("linked true")}
    return DevicePin(
        consumer_id=pin.text("consumer_id"),
        linked=False if False in flags else True if True in flags else None,
        linked_device_id=pin.text("linked_device_id"),
        pin=pin.text("pin"),
    )


def consumer(answer: Answer) -> Consumer:
    """Read the answer that holds one consumer.

    Raises:
        ContractBroken: naming the field that is of the wrong type, or missing where it can't be.
    """
    return _consumer(_Fields(answer, _response(answer, dict)))


def consumers(answer: Answer) -> tuple[Consumer, ...]:
    """Read the answer that holds a list of consumers; its pagination is not looked at.

    Raises:
        ContractBroken: as for one consumer.
    """
    rows = _response(answer, list)
    if not all(isinstance(row, dict) for row in rows):
        raise _broken(answer, "response")
    return tuple(_consumer(_Fields(answer, row)) for row in rows)


def token(answer: Answer) -> Token:
    """Read the answer to a token grant (RFC 6749 section 5.1).

    Raises:
        ContractBroken: naming the field that is missing or of the wrong type.
    """
    fields = _Fields(answer, _document(answer))
    return Token(fields.required_text("access_token"), fields.text("refresh_token"))


def token_info(answer: Answer) -> TokenInfo:
    """Read whose token it is.

    Raises:
        ContractBroken: naming the field that is missing or of the wrong type.
    """
    return TokenInfo(_Fields(answer, _document(answer)).required_text("resource_owner_id"))


def oauth_error(answer: Answer) -> str | None:
    """Return the ``error`` of a refused token grant (RFC 6749 section 5.2), or None if it has none."""
    try:
        return _Fields(answer, _document(answer)).text("error")
    except ContractBroken:
        return None


class _Fields:
    """An object of an answer, read field by field: null and missing are one, a wrong type is a breach."""

    def __init__(self, answer: Answer, values: Mapping[str, Any]) -> None:
        self._answer = answer
        self._values = values

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and not _is_text(value):
            raise _broken(self._answer, name)
        return value

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise _broken(self._answer, name)
        return value

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise _broken(self._answer, name)
        return value

    def count(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        # The specification says number, so 2.0 is 2.
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise _broken(self._answer, name)

    def device_ids(self, name: str) -> tuple[str, ...]:
        """Read ids of devices: a list of ids or of objects that hold one, an object keyed by id, or null."""
        value = self._values.get(name)
        if not isinstance(value, list | dict | None):
            raise _broken(self._answer, name)
        entries = [
            _Fields(self._answer, entry).text("linked_device_id") if isinstance(entry, dict) else entry
            for entry in value or ()
        ]
        if not all(entry is None or _is_text(entry) for entry in entries):
            raise _broken(self._answer, name)
        return tuple(dict.fromkeys(entry for entry in entries if entry))


def _consumer(fields: _Fields) -> Consumer:
    return Consumer(
        id=fields.required_text("_id"),
        email=fields.text("email"),
        name=fields.text("name"),
        created_at=fields.text("created_at"),
        subscription_count=fields.count("subscription_count"),
        linked_devices=fields.device_ids("linked_devices"),
    )


def _response(answer: Answer, kind: type) -> Any:
    """Return what the body wraps as ``response``."""
    value = _document(answer).get("response")
    if not isinstance(value, kind):
        raise _broken(answer, "response")
    return value


def _document(answer: Answer) -> dict[str, Any]:
    """Return the body, which has to be a JSON object."""
    document = _parse(answer.body)
    if not isinstance(document, dict):
        raise _broken(answer, "body")
    return document


def _parse(body: bytes) -> Any:
    """Return the body as JSON, or None. Its errors hold the body, so none of them leaves from here."""
    if len(body) > BODY_LIMIT:
        return None
    try:
        return _DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _is_text(value: object) -> bool:
    """Tell whether a value is text that can be stored and shown: no NUL, and no half of a surrogate pair."""
    return isinstance(value, str) and not _NO_TEXT.search(value)


def _broken(answer: Answer, name: str) -> ContractBroken:
    return ContractBroken(answer.method, answer.path, answer.status, field=name)
