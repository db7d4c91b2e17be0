"""Signed JSON: what itsdangerous signs, and so what browsers got before, is accepted, and the reverse."""

import base64
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
import time_machine
from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer

from portal.pages.identity.signed_json import SignedJSON

OLD, NEW = "o" * 32, "n" * 32
SALT = "cookie-session"
VALUES = [
    {},
    {"sid": "a" * 43, "csrf_token": "0" * 40, "staff_refused": True},
    "0f" * 20,
    {"typed": {"email": "ä" * 2000}},
]


def of_itsdangerous(keys: list[str], key_derivation: str = "hmac", salt: str = SALT) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(keys, salt=salt, signer_kwargs={"key_derivation": key_derivation})


@pytest.mark.parametrize("key_derivation", ["hmac", "django-concat"])
@pytest.mark.parametrize("value", VALUES)
def test_itsdangerous_signs_the_same(value: Any, key_derivation: str) -> None:
    ours, theirs = SignedJSON([OLD, NEW], SALT, key_derivation), of_itsdangerous([OLD, NEW], key_derivation)

    assert ours.loads(theirs.dumps(value)) == value
    assert theirs.loads(ours.dumps(value)) == value


def test_the_last_key_signs_and_each_verifies() -> None:
    both = SignedJSON([OLD, NEW], SALT, "hmac")

    assert both.loads(of_itsdangerous([OLD]).dumps("a")) == "a"
    assert of_itsdangerous([NEW]).loads(both.dumps("a")) == "a"
    with pytest.raises(BadSignature):
        SignedJSON([NEW], SALT, "hmac").loads(of_itsdangerous([OLD]).dumps("a"))


@pytest.mark.parametrize("year", [1990, 2090])
def test_it_is_good_at_any_time(year: int) -> None:
    signed = SignedJSON([NEW], SALT)
    with time_machine.travel(datetime(year, 1, 1, tzinfo=UTC)):
        text = signed.dumps("a")

    assert signed.loads(text) == "a"


def test_a_long_text_is_compressed() -> None:
    assert len(SignedJSON([NEW], SALT).dumps("ä" * 2000)) < 200


@pytest.mark.parametrize(
    "text",
    [
        of_itsdangerous([NEW], salt="wtf-csrf-token").dumps("a"),
        of_itsdangerous([NEW], "django-concat").dumps("a"),
        "b" + of_itsdangerous([NEW]).dumps("a"),
        of_itsdangerous([NEW]).dumps("a")[:-2],
        # Signed without a time.
        Signer(NEW, SALT, key_derivation="hmac").sign("ImEi").decode(),
        *(
            "",
            ".",
            "..",
            "ImEi",
            "ImEi.aaaaaa.",
            "ImEi.aaaaaa.a",
            "ä.ö.ü",
            "\0.\0.\0",
            base64.b64encode(b"a" * 20).decode(),
        ),
    ],
    # What is signed has the time in it.
    ids=count(),
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadSignature):
        SignedJSON([NEW], SALT, "hmac").loads(text)
