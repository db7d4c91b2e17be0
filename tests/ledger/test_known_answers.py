"""Hashes of fixed values. If one changes, every row that was written before looks forged, or is found no more."""

import io
import json
from datetime import UTC, datetime

from portal.domain.pins import Pin
from portal.ledger import archive_file
from portal.ledger.rows import canonical, sign
from portal.settings.keys import Keyring, LedgerKey

KEY = LedgerKey(b"a key for the ledger of the tests")
AT = datetime(2031, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
ROW = {
    "action": "unlink",
    "attempt_id": "0123456789abcdef" * 2,
    "outcome": "unlinked",
    "actor_kind": "agent",
    "actor_id": "bob",
    "consumer_id": "alice",
    "linked_device_id": "tv-1",
    "pin_fingerprint": "1" * 64,
    "subject_hash": None,
    "reason": 'Café, said "the caller"',
    "ticket": "T-1",
    "request_id": "request-1",
    "address_hash": "2" * 64,
    "zype_milliseconds": 7,
}


def test_the_signature_of_a_row() -> None:
    signed = sign(ROW, KEY, AT)

    assert canonical(signed) == (
        r'["2031-05-06T07:08:09.000010+00:00","unlink","0123456789abcdef0123456789abcdef","unlinked","agent","bob",'
        rf'"alice","tv-1","{"1" * 64}",null,"Caf\u00e9, said \"the caller\"","T-1",'
        rf'"request-1","{"2" * 64}",7,"26326a71"]'
    )
    assert signed["key_id"] == "26326a71"
    assert signed["row_hash"] == "4b561a068f7ad2841096c276eba51363648eb8b02007660babb7106157b76d99"


def test_an_archive() -> None:
    """Archives are kept for years, and have to be read by the versions of that time."""
    file = io.BytesIO()
    row = sign(ROW, KEY, AT) | {"id": 3, "site_hash": None}
    archive_file.write(file, [row], KEY, number=2, previous="3" * 64, before=AT)

    header, line, manifest = file.getvalue().decode().splitlines()
    assert header == '{"archive": "zype-activate ledger", "version": 1}'
    assert line == json.dumps(
        {"id": 3, "at": "2031-05-06T07:08:09.000010+00:00"}
        | {name: value for name, value in ROW.items() if value is not None}
        | {"key_id": row["key_id"], "row_hash": row["row_hash"]},
        ensure_ascii=False,
    )
    assert manifest == (
        f'{{"number": 2, "previous": "{"3" * 64}", "before": "2031-05-06T07:08:09+00:00", "rows": 1, "first_id": 3, '
        '"last_id": 3, "key_id": "26326a71", '
        '"signature": "a29e84d4e0593a8f13bf7d7cb6ed28731863f75c52685ecde6b54aece37dd9f1"}'
    )
    read = archive_file.read_manifest(file, Keyring(KEY))
    assert list(archive_file.read_rows(file, read)) == [row]


def test_the_hashes_in_a_row() -> None:
    keyring = Keyring(KEY)

    assert keyring.fingerprint(Pin("zizm529")) == "aa0cc0f82d783e9a9642e266f7121404ff6b25b3a82a378a1c224350237e3fbb"
    assert keyring.address("192.0.2.1") == "848412ec93593a75349ab414286aad7a44fc5bebf06bb2e38aeab08aa921812c"
    assert keyring.address("2001:db8::1") == "a28cac873aa69dae8d3659f78b445d982be42773c374eef1f5697e6a70bdb297"
    assert keyring.subject("Alice@example.com") == "e56e01111572835dc92781b49d4406686d8974a01e96b0843dce6ab96812d9ee"
    assert keyring.staff_subject("Bob") == "5b560bb5c973c9e8f942a306fbed8d9c59a198f1419d8ff64bbdb7fd266970f8"
    assert keyring.second_factor_subject("bob") == "f668da1da57e4694de900beaa8be6840abeaa0cfc42fdd4172d31b487043df0d"
