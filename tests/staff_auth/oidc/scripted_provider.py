"""A small identity provider that follows the standards, except where a test overrides what it sends."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from threading import Event
from typing import Any
from urllib.parse import quote_plus, urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask, Response, redirect, request
from joserfc import jwt
from joserfc.jwk import Key
from werkzeug.wrappers import Response as AnyResponse

from portal.pages.auth.signatures import ALGORITHMS, SignatureRegistry
from tests.harness import servers

CLIENT_ID = "portal"
SECRET = "made-up-staff-secret"
ROLE = "support"
LEAD = "support-leads"
METADATA = "/.well-known/openid-configuration"

Sign = Callable[[dict[str, Any], dict[str, Any]], str]


class ScriptedProvider:
    """The provider, and what it sends instead of what the standards ask for.

    Args:
        key: that signs.
    """

    def __init__(self, key: Key) -> None:
        self.issuer = ""
        self.client_id, self.secret = CLIENT_ID, SECRET
        # The path and the form of each request.
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.script(key)

    def script(self, key: Key, **overrides: Any) -> None:
        """Follow the standards from now on, except in these attributes."""
        self.key = key
        # A document is published as it is.
        self.keys: list[Any] = [key]
        # Members to send instead; None leaves one out.
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.callback: dict[str, str | None] = {}
        # Whole responses, by path.
        self.responses: dict[str, Callable[[], AnyResponse]] = {}
        self.sign: Sign = self._signed
        for name, value in overrides.items():
            setattr(self, name, value)

    def app(self) -> Flask:
        """Return the application to serve."""
        app = Flask(__name__)

        @app.before_request
        def scripted() -> AnyResponse | None:
            self.requests.append((request.path, request.form.to_dict()))
            respond = self.responses.get(request.path)
            return respond() if respond else None

        for path, view in {
            METADATA: self._metadata,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": self._published,
            "/userinfo": self._userinfo,
        }.items():
            app.add_url_rule(path, path, view, methods=["GET", "POST"])
        return app

    def request_count(self, path: str) -> int:
        """Return how often a path was requested."""
        return [requested for requested, _ in self.requests].count(path)

    @contextmanager
    def hanging(self, path: str) -> Iterator[None]:
        """Answer nothing at a path until the block ends."""
        over = Event()

        def wait() -> Response:
            over.wait(10)
            return Response(status=500)

        self.responses[path] = wait
        try:
            yield
        finally:
            over.set()

    def id_token(self, header: Mapping[str, Any], nonce: str) -> str:
        """Return an ID token for a nonce."""
        return self.sign(_overridden(header, self.header), self._claims(nonce))

    def _signed(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        return jwt.encode({**header}, {**claims}, self.key, registry=SignatureRegistry(algorithms=ALGORITHMS))

    def _metadata(self) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return _overridden(document, self.metadata)

    def _published(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) if hasattr(key, "as_dict") else key for key in self.keys]}

    def _authorize(self) -> AnyResponse:
        code = secrets.token_hex(8)
        self._codes[code] = request.args.to_dict()
        query = _overridden({"code": code, "state": request.args["state"]}, self.callback)
        return redirect(f"{request.args['redirect_uri']}?{urlencode(query)}")

    def _token(self) -> Any:
        if request.headers.get("Authorization") != self._basic() and request.form.get("client_secret") != self.secret:
            return {"error": "invalid_client"}, 401
        asked = self._codes.pop(request.form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != request.form.get("redirect_uri"):
            return {"error": "invalid_grant"}, 400
        if create_s256_code_challenge(request.form["code_verifier"]) != asked["code_challenge"]:
            return {"error": "invalid_grant"}, 400
        id_token = self.id_token({"alg": "RS256", "kid": self.key.kid}, asked["nonce"])
        return {"access_token": "access-of-bob", "token_type": "Bearer", "expires_in": 60, "id_token": id_token}

    def _claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "bob",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 60,
            "auth_time": now,
            "nonce": nonce,
            "name": "Bob",
            "roles": [ROLE],
        }
        return _overridden(claims, self.claims)

    def _basic(self) -> str:
        # RFC 6749, section 2.3.1: both are form-encoded first.
        credentials = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
        return "Basic " + base64.b64encode(credentials.encode()).decode()

    def _userinfo(self) -> Any:
        if request.headers.get("Authorization") != "Bearer access-of-bob":
            return {"error": "invalid_token"}, 401
        return _overridden({"sub": "bob"}, self.userinfo)


@contextmanager
def scripted_provider(key: Key) -> Iterator[ScriptedProvider]:
    """Serve a provider while the block runs."""
    provider = ScriptedProvider(key)
    port = servers.Port()
    with closing(port), servers.serving(provider.app(), port) as url:
        provider.issuer = url
        yield provider


def response(status: int, document: Any = None, **headers: str) -> Callable[[], AnyResponse]:
    """Return a whole response for ``responses``."""
    return lambda: Response(json.dumps(document), status, headers, content_type="application/json")


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return a token with the algorithm ``none``."""
    return ".".join([_encoded({**header, "alg": "none"}), _encoded(claims), ""])


def with_shared_secret(secret: bytes) -> Sign:
    """Return a function that signs with a shared secret: HS256."""

    def sign(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        text = f"{_encoded({**header, 'alg': 'HS256'})}.{_encoded(claims)}"
        return f"{text}.{_base64(hmac.digest(secret, text.encode(), hashlib.sha256))}"

    return sign


def _encoded(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _overridden(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**document, **overrides}.items() if value is not None}
