"""Whatever is about to be logged comes out without secrets."""

from hypothesis import given
from hypothesis import strategies as st

from portal.pages.web.redaction import KEYS, REDACTED, Redactor
from tests.harness.cases import each

SECRET = "zizm529"


@each(
    "text",
    [
        "GET /pin/link?api_key={} HTTP/1.1",
        "PUT /pin/link?consumer_id=1&pin={}&x=2",
        "from=link&original={}",
        "https://tv.example.com/sign-in?next=%2Factivate%3Fpin%3D{}",
        '{{"access_token": "{}", "expires_in": 1}}',
        "{{'refresh_token': '{}'}}",
        '{{\\"client_secret\\": \\"{}\\"}}',
        "code_verifier={}",
        "csrf_token={}",
        "password: {}",
        'password="two words {}"',
        "PASSWORD={}",
        "Api-Key: {}",
        "Authorization: Bearer {}abc",
        "Authorization: Basic {}abc",
        "Cookie: first=1; activate={}",
        "Set-Cookie: activate={}; Path=/",
        "{{'Cookie': b'activate={}'}}",
        "sent Bearer {}abc to the server",
        "redis://someone:{}@localhost/0",
        "postgresql+psycopg://portal:{}@localhost/portal",
    ],
)
def test_it_removes_named_secrets_from_text(text: str) -> None:
    redacted = Redactor().text(text.format(SECRET))
    assert SECRET not in redacted
    assert REDACTED in redacted


@each(
    "text",
    [
        "PIN not found",
        "status=404 rule=/activate",
        "mapping=1 spinning=2",
        "GET /pin/link: timed out after sending (no answer)",
        "2026-01-01T00:00:00Z: started",
        "pin_fingerprint=abc",
    ],
)
def test_it_leaves_harmless_text_alone(text: str) -> None:
    assert Redactor([SECRET]).text(text) == text


@each("address", ["203.0.113.9", "203.0.113.9:40001", "2001:db8::1", "[2001:db8::1]:443", "64::2"])
def test_it_removes_addresses_however_they_are_introduced(address: str) -> None:
    for text in ("from {}.", "peer:{}", "address:{} closed", "ipv6:{}", "ip={},", "({})", "('{}', 1)", "{}/64"):
        assert Redactor().text(text.format(address)) == text.format(REDACTED), text


def test_what_follows_a_secret_stays_readable() -> None:
    assert Redactor().text("PUT /x?pin=abc&consumer_id=1") == f"PUT /x?pin={REDACTED}&consumer_id=1"


@each("key", sorted(KEYS))
def test_it_hides_the_value_of_a_secret_s_key(key: str) -> None:
    assert Redactor().event({key: SECRET, "n": {key.upper(): [SECRET]}}) == {
        key: REDACTED,
        "n": {key.upper(): REDACTED},
    }


def test_it_removes_nested_secrets() -> None:
    class Thing:
        def __str__(self) -> str:
            return f"pin={SECRET}"

    event = {"a": [Thing(), (f"x {SECRET}",)], "b": {1: ValueError(SECRET)}, "n": 1, "f": 1.5, "t": True, "o": None}
    redacted = Redactor([SECRET]).event(event)
    assert SECRET not in str(redacted)
    assert [redacted[key] for key in "nfto"] == [1, 1.5, True, None]


@each(
    "secret, written",
    [
        ("key/with+signs and space", "key%2Fwith%2Bsigns%20and%20space"),
        ("key/with+signs and space", "key/with%2Bsigns%20and%20space"),
        ("key/with+signs and space", "key%2Fwith%2Bsigns+and+space"),
        ("geheimnis-ü", "geheimnis-%C3%BC"),
        ("postgresql://u:Datenbank7@h/d", "password is Datenbank7"),
        ("rediss://:p%40ss@h/0", "p%40ss"),
        ("rediss://:p%40ss@h/0", "p@ss"),
        ("postgresql://u:Datenbank7@h/d?options=a@b", "password is Datenbank7"),
        # As PostgreSQL's client reads a password with characters that should have been encoded.
        ("postgresql://u:Daten@bank7@h/d", "bank7"),
        ("postgresql://u:Daten/bank7@h/d", "bank7"),
        ("postgresql://u:Daten?bank7@h/d", "bank7"),
        ("postgresql://u:Daten#bank7@h/d", "Daten"),
        ('say "hello"', r"say \"hello\""),
        ("it's a key", r"it\'s a key"),
        ("made-up-secret", "bWFkZS11cC1zZWNyZXQ="),
    ],
)
def test_it_removes_a_secret_in_every_encoding(secret: str, written: str) -> None:
    assert written not in Redactor([secret]).text(f"seen {written} here")


def test_nothing_is_left_of_credentials_with_a_raw_at_sign() -> None:
    assert Redactor().text("at smtp://bob:half@other@mail:25.") == f"at smtp://{REDACTED}@mail:25."


def test_the_name_of_the_database_is_no_part_of_the_password() -> None:
    redactor = Redactor(["postgresql://u:Datenbank7@db.internal/portal?options=a@b", "redis://cache/0"])
    assert redactor.text("portal.access db.internal options cache") == "portal.access db.internal options cache"


def test_nothing_is_left_of_a_secret_that_contains_another() -> None:
    assert Redactor(["abcd", "abcdefgh"]).text("x abcdefgh y") == f"x {REDACTED} y"


@given(st.text(min_size=4).filter(lambda text: text not in REDACTED), st.text(), st.text())
def test_no_exact_secret_survives(secret: str, before: str, after: str) -> None:
    redacted = Redactor([secret]).text(before + secret + after)
    assert secret not in redacted.replace(REDACTED, "") or secret in before + after
