"""Bodies that can't be read, compressed ones, and ones that are too large."""

import gzip

import pytest

from portal.zype.client import ZypeClient
from portal.zype.errors import ContractBroken, NotFound
from tests.harness.cases import each
from tests.zype.calls import CALLS, CONSUMER, PIN, SECRETS
from tests.zype.conftest import error_of, new_client
from tests.zype.scripted_server import ScriptedServer, answer, leaks

BODIES: dict[str, object] = {
    "no body": b"",
    "not JSON": b"<html>busy</html>",
    "not UTF-8": b'{"response": {"pin": "\xff"}}',
    "UTF-16": '{"response": {}}'.encode("utf-16"),
    "a list": [],
    "null": None,
    "text": "response",
    "not a number": b'{"response": {"subscription_count": NaN}}',
    "endless number": b'{"response": {"subscription_count": ' + b"9" * 6000 + b"}}",
    "too deep": b'{"response": ' + b"[" * 200_000,
    "too big": b'{"response": {"x": "' + b"x" * (1024 * 1024) + b'"}}',
    "two documents": b'{"response": {}} {}',
}


@each("kind", BODIES)
@each("call", [call for call in CALLS if call != "revoke"])
def test_a_body_that_cannot_be_read_breaks_the_contract(call: str, kind: str, server: ScriptedServer) -> None:
    server.replies = [answer(200, BODIES[kind])]
    with new_client(server) as client:
        error = error_of(lambda: CALLS[call](client))
    assert isinstance(error, ContractBroken)
    assert error.field == "body"
    assert error.status == 200
    assert len(server.requests) == 1
    assert not leaks(error, SECRETS)


@pytest.mark.parametrize(
    ("data", "field"),
    [(gzip.compress(b'{"response": {}}', mtime=0), None), (b"not gzip", "body"), (b"", "body")],
    ids=["compressed", "not compressed", "empty"],
)
def test_a_compressed_body_is_read_although_it_was_not_requested(
    data: bytes, field: str | None, client: ZypeClient, server: ScriptedServer
) -> None:
    server.replies = [answer(200, data, Content_Encoding="gzip")]
    if field is None:
        client.link(PIN, CONSUMER)
    else:
        error = error_of(lambda: client.link(PIN, CONSUMER))
        assert isinstance(error, ContractBroken)
        assert error.field == field
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_decompression_bomb_breaks_the_contract(client: ZypeClient, server: ScriptedServer) -> None:
    bomb = gzip.compress(b'{"response": {"x": "' + b"x" * 10_000_000 + b'"}}')
    server.replies = [answer(200, bomb, Content_Encoding="gzip")]
    assert type(error_of(lambda: client.link(PIN, CONSUMER))) is ContractBroken


def test_an_oversized_answer_is_still_mapped_by_its_status(client: ZypeClient, server: ScriptedServer) -> None:
    server.replies = [answer(404, b"x" * 2_000_000)]
    assert type(error_of(lambda: client.link(PIN, CONSUMER))) is NotFound
