"""Zype's answers as typed values: tolerant of every documented shape, strict about types.

Each function returns a value, or raises ContractBroken with the name of the field that is missing or of the
wrong type, whatever the body holds. Fields that are not read here go no further: Zype sends password tokens and
payment ids along with a consumer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.zype.errors import ContractBroken

# A hundred consumers are about 200 kB; a larger body answers nothing that the portal asks.
BODY_LIMIT = 1024 * 1024
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
# An id of Zype is stored, exported and sent back: one word of printable ASCII, and no longer than any that Zype gives.
_ID = re.compile("[!-~]{1,200}")
# As much of a name is kept. RFC 5321 section 4.5.3.1.3 allows no longer email address.
MAX_NAME, MAX_EMAIL = 200, 254


@dataclass(frozen=True)
class Answer:
    """What Zype answered to a method and a path without query; the body is cut one byte after BODY_LIMIT."""

    method: str
    path: str
    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class DevicePin:
    """A PIN as Zype knows it. A field is None if Zype does not give it."""

    consumer_id: str | None
    linked: bool | None
    linked_device_id: str | None
    pin: str | None = field(repr=False)


@dataclass(frozen=True)
class Consumer:
    """A viewer's account: created_at is ISO 8601, linked_devices are the ids of the linked TVs, each once."""

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
    """The owner of a token."""

    consumer_id: str


def device_pin(answer: Answer) -> DevicePin:
    """Read the answer to a call below /pin.

    The specification names the flag "linked true", with the space; Zype's own clients read "linked". If one of
    the two is false, the device is not linked.
    """
    pin = _Fields(answer, _response(answer, dict))
    flags = {pin.flag("linked"), pin.flag("linked true")}
    return DevicePin(
        consumer_id=pin.id("consumer_id"),
        linked=False if False in flags else True if True in flags else None,
        linked_device_id=pin.id("linked_device_id"),
        pin=pin.text("pin"),
    )


def consumer(answer: Answer) -> Consumer:
    """Read the answer that holds one consumer."""
    return _consumer(_Fields(answer, _response(answer, dict)))


def consumers(answer: Answer) -> tuple[Consumer, ...]:
    """Read the answer that holds a list of consumers; its pagination is ignored."""
    rows = _response(answer, list)
    if not all(isinstance(row, dict) for row in rows):
        raise _contract_broken(answer, "response")
    return tuple(_consumer(_Fields(answer, row)) for row in rows)


def token(answer: Answer) -> Token:
    """Read the answer to a token grant (RFC 6749 section 5.1)."""
    fields = _Fields(answer, _document(answer))
    return Token(fields.required_text("access_token"), fields.text("refresh_token"))


def token_info(answer: Answer) -> TokenInfo:
    """Read the owner of a token."""
    return TokenInfo(_Fields(answer, _document(answer)).required_id("resource_owner_id"))


def oauth_error(answer: Answer) -> str | None:
    """Return the ``error`` of a refused token grant (RFC 6749 section 5.2), or None."""
    try:
        return _Fields(answer, _document(answer)).text("error")
    except ContractBroken:
        return None


class _Fields:
    """The fields of an object in an answer: null is the same as missing, a wrong type breaks the contract."""

    def __init__(self, answer: Answer, values: Mapping[str, Any]) -> None:
        self._answer = answer
        self._values = values

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and not _is_text(value):
            raise _contract_broken(self._answer, name)
        return value

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise _contract_broken(self._answer, name)
        return value

    def id(self, name: str) -> str | None:
        value = self.text(name)
        if value and not _ID.fullmatch(value):
            raise _contract_broken(self._answer, name)
        return value or None

    def required_id(self, name: str) -> str:
        value = self.id(name)
        if value is None:
            raise _contract_broken(self._answer, name)
        return value

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise _contract_broken(self._answer, name)
        return value

    def count(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        # The specification says number, so 2.0 is 2.
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise _contract_broken(self._answer, name)

    def device_ids(self, name: str) -> tuple[str, ...]:
        """Read device ids: a list of ids or of objects with an id, an object keyed by id, or null."""
        value = self._values.get(name)
        if not isinstance(value, list | dict | None):
            raise _contract_broken(self._answer, name)
        entries = [
            _Fields(self._answer, entry).id("linked_device_id") if isinstance(entry, dict) else entry
            for entry in value or ()
        ]
        if not all(entry in (None, "") or _is_id(entry) for entry in entries):
            raise _contract_broken(self._answer, name)
        return tuple(dict.fromkeys(entry for entry in entries if entry))


def _consumer(fields: _Fields) -> Consumer:
    email, name = fields.text("email"), fields.text("name")
    return Consumer(
        id=fields.required_id("_id"),
        email=email if email is None or len(email) <= MAX_EMAIL else None,
        name=name[:MAX_NAME] if name else name,
        created_at=fields.text("created_at"),
        subscription_count=fields.count("subscription_count"),
        linked_devices=fields.device_ids("linked_devices"),
    )


def _response(answer: Answer, kind: type) -> Any:
    """Return the value of ``response``, which wraps every answer of the platform API."""
    value = _document(answer).get("response")
    if not isinstance(value, kind):
        raise _contract_broken(answer, "response")
    return value


def _document(answer: Answer) -> dict[str, Any]:
    """Return the body, which must be a JSON object."""
    document = _parse(answer.body)
    if not isinstance(document, dict):
        raise _contract_broken(answer, "body")
    return document


def _parse(body: bytes) -> Any:
    """Return the body as JSON, or None. json's errors hold the body, so they are not passed on."""
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
    """Return whether a value is text that can be stored and shown: no NUL and no lone surrogate."""
    return isinstance(value, str) and not _NOT_TEXT.search(value)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _contract_broken(answer: Answer, name: str) -> ContractBroken:
    return ContractBroken(answer.method, answer.path, answer.status, field=name)
