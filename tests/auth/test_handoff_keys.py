"""The public keys of the operator's site: loaded, kept, loaded again for an unknown one, and never a secret."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey

from portal.commands.check import findings
from portal.pages.auth.handoff import keys
from portal.pages.auth.handoff.errors import KeysUnavailable, TokenRefused
from portal.pages.auth.handoff.keys import PublicKeys
from portal.pages.auth.signatures import SignatureRegistry
from portal.sandbox import seed
from portal.settings.loading import load
from tests.harness import servers
from tests.harness.internals import outcomes
from tests.harness.page import PageClient
from tests.harness.rsa_keys import rsa_key
from tests.harness.servers import Port

ISSUER = "https://www.example.com"


class Site:
    """The operator's site, which publishes its keys."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = 0
        self.document: Any = {"keys": []}
        self.status = 200

    def publish(self, *published: Any) -> None:
        """Publish these keys instead of all others."""
        self.document = {"keys": [key.as_dict(private=False) for key in published]}

    def app(self) -> Flask:
        """Return the application to serve."""
        app = Flask("site")

        @app.get("/keys")
        def jwks() -> Any:
            self.requests += 1
            return self.document if self.status == 200 else Response("later", self.status, {"Location": "/keys"})

        return app


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def site() -> Iterator[Site]:
    """A running site without keys."""
    site, port = Site(), Port()
    with servers.serving(site.app(), port) as origin:
        site.url = f"{origin}/keys"
        yield site
    port.close()


@pytest.fixture
def clock() -> Clock:
    """The clock of the portal."""
    return Clock()


@pytest.fixture
def public_keys(site: Site, clock: Clock) -> PublicKeys:
    """What the portal knows of the site's keys."""
    return PublicKeys(site.url, trust_env=False, clock=clock)


def ec_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


def header(kid: str | None) -> dict[str, Any]:
    """Return the header of a token that names a key, or none."""
    return {"alg": "ES256"} if kid is None else {"alg": "ES256", "kid": kid}


def test_tokens_of_public_keys_sign_in_and_no_other(
    site: Site, make_app: Callable[..., Flask], environ: dict[str, str], browse: Callable[..., PageClient]
) -> None:
    site_settings = {"handoff_issuer": ISSUER, "handoff_url": ISSUER, "handoff_jwks_url": site.url}
    app = make_app(sign_in="handoff", limit_sign_in="100/minute", **site_settings)
    browser = browse(app)
    ec, rsa, okp = ec_key(), rsa_key(), OKPKey.generate_key("Ed25519", auto_kid=True)
    site.publish(ec, rsa, okp)
    numbers = iter(range(1000))

    def send(status: int, header: dict[str, Any], key: Any) -> None:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": browser.settings.public_url, "iat": now, "exp": now + 50, "sub": seed.ALICE.id}
        registry = SignatureRegistry(algorithms=[header["alg"]])
        token = jwt.encode(header, claims | {"jti": str(next(numbers)), "name": "A"}, key, registry=registry)
        browser.send("POST", "/sign-in/handoff", status, data={"token": token})

    for key, names in ((ec, ["ES256"]), (rsa, ["RS256", "PS512"]), (okp, ["Ed25519", "EdDSA"])):
        for name in names:
            send(303, {"alg": name, "kid": key.kid}, key)
    # Of two kinds, with one id: RFC 7517, section 4.5.
    site.document = {"keys": [{**key.as_dict(private=False), "kid": "same"} for key in (ec, rsa, okp)]}
    app.extensions["portal.handoff"].load()
    send(303, {"alg": "RS256", "kid": "same"}, rsa)
    send(303, {"alg": "Ed25519", "kid": "same"}, okp)
    send(303, {"alg": "ES256"}, ec)
    site.publish(ec, rsa, okp)
    app.extensions["portal.handoff"].load()
    # Signed with what is public, as if it were a secret.
    public = rsa.as_pem(private=False)
    shared = OctKey.generate_key(256)
    for secret in (shared, _as_secret(public), _as_secret(rsa.as_dict(private=False)["n"].encode())):
        send(400, {"alg": "HS256", "kid": rsa.kid}, secret)
    send(400, {"alg": "ES256", "kid": rsa.kid}, ec)
    send(400, {"alg": "RS256", "kid": ec.kid}, rsa)
    send(400, {"alg": "ES256", "kid": "unknown"}, ec)
    # Neither a forged algorithm nor an unknown key made the portal ask again so soon.
    assert site.requests == 3
    assert outcomes(app, "sign_in").count("signed_in") == 8


def _as_secret(content: bytes) -> OctKey:
    # The library refuses to take a public key for a secret, which Mallory's does not.
    key = OctKey.generate_key(256)
    key._raw_value = content
    return key


def test_they_are_loaded_once_and_again_for_an_unknown_key(site: Site, public_keys: PublicKeys, clock: Clock) -> None:
    old, new = ec_key(), ec_key()
    site.publish(old)
    assert public_keys.find(header(old.kid)).kid == public_keys.find(header(None)).kid == old.kid
    assert site.requests == 1
    site.publish(old, new)
    for _ in range(3):
        with pytest.raises(TokenRefused):
            public_keys.find(header(new.kid))
    assert site.requests == 1
    clock.now += keys.RELOAD_SECONDS
    assert public_keys.find(header(new.kid)).kid == new.kid
    assert site.requests == 2
    # With two keys the token has to say which.
    with pytest.raises(TokenRefused):
        public_keys.find(header(None))


def test_a_withdrawn_key_is_accepted_for_ten_minutes(site: Site, public_keys: PublicKeys, clock: Clock) -> None:
    old, new = ec_key(), ec_key()
    site.publish(old)
    public_keys.find(header(old.kid))
    site.publish(new)
    clock.now += keys.FRESH_SECONDS + 1
    with pytest.raises(TokenRefused):
        public_keys.find(header(old.kid))


def test_while_the_site_does_not_answer_the_known_keys_are_good_for_an_hour(
    site: Site, public_keys: PublicKeys, clock: Clock
) -> None:
    key = ec_key()
    site.publish(key)
    public_keys.find(header(key.kid))
    site.status = 503
    clock.now += keys.FRESH_SECONDS + 1
    assert public_keys.find(header(key.kid)).kid == key.kid
    assert public_keys.find(header(key.kid)).kid == key.kid
    assert site.requests == 2, "it is not asked with each token"
    clock.now += keys.STALE_SECONDS
    with pytest.raises(KeysUnavailable):
        public_keys.find(header(key.kid))


@pytest.mark.parametrize("status", [500, 302, 404])
def test_a_site_that_answers_otherwise_has_no_keys(site: Site, public_keys: PublicKeys, status: int) -> None:
    site.publish(ec_key())
    site.status = status
    with pytest.raises(KeysUnavailable):
        public_keys.find(header("a"))


def test_documents_without_a_key_that_can_be_used(site: Site, public_keys: PublicKeys) -> None:
    good = ec_key().as_dict(private=False)
    for document in (
        *({}, [], "x", {"keys": {}}, {"keys": []}, {"keys": [7, None, "x", []]}, {"keys": [{}]}),
        {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
        {"keys": [good | {"kty": "oct", "k": "eA"}, good | {"use": "enc"}, good | {"crv": "P-999"}, good | {"x": 7}]},
        {"keys": [{"kty": "RSA", "n": "eA", "e": "AQAB"}, {"kty": ["EC"]}]},
    ):
        site.document = document
        with pytest.raises(KeysUnavailable):
            public_keys.load()
    site.document = {"keys": [{"kty": "new"}, good, 7]}
    assert public_keys.load() == 1


def test_a_site_that_can_t_be_reached(public_keys: PublicKeys, environ: dict[str, str], site: Site) -> None:
    own = {"PORTAL_SIGN_IN": "handoff", "PORTAL_HANDOFF_JWKS_URL": site.url}

    def found() -> tuple[bool, str]:
        [finding] = [one for one in findings(load(environ | own)) if one.text.startswith("hand-off sign-in:")]
        return finding.is_ok, finding.text

    site.publish(ec_key())
    is_ok, text = found()
    assert (is_ok, "with 1 key;" in text) == (True, True)
    site.status = 500
    is_ok, text = found()
    assert not is_ok
    assert site.url not in text


def test_without_keys_nobody_is_refused_for_good(
    site: Site, make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    site_settings = {"handoff_issuer": ISSUER, "handoff_url": ISSUER, "handoff_jwks_url": site.url}
    app = make_app(sign_in="handoff", **site_settings)
    token = jwt.encode({"alg": "ES256", "kid": "a"}, {"iss": ISSUER}, ec_key())
    page = browse(app).send("POST", "/sign-in/handoff", 503, data={"token": token})
    assert page.header("Retry-After")
    assert outcomes(app, "sign_in") == ["unavailable"]
