"""A small identity provider that keeps to the standards, until a test has it tell a lie that no real one tells."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask, Response, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as AnyResponse

from tests.harness import servers

CLIENT_ID = "portal"
SECRET = "made-up-staff-secret"
ROLE = "support"
LEAD = "support-leads"
METADATA = "/.well-known/openid-configuration"

Signer = Callable[[dict[str, Any], dict[str, Any]], str]


class Provider:
    """The provider, and the lies that it tells.

    Args:
        key: that signs.
    """

    def __init__(self, key: RSAKey) -> None:
        self.key = key
        self.issuer = ""
        # What to say instead of the truth; None leaves a member out.
        self.metadata: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.back: dict[str, str | None] = {}
        # Whole answers, by path.
        self.answers: dict[str, Callable[[], AnyResponse]] = {}
        self.sign: Signer = lambda header, claims: jwt.encode(header, claims, self.key)
        self.keys: list[RSAKey] = [key]
        # What the portal asked for: the path and the form.
        self.heard: list[tuple[str, dict[str, str]]] = []
        self._codes: dict[str, dict[str, str]] = {}

    def app(self) -> Flask:
        """Return the application to serve."""
        app = Flask(__name__)

        @app.before_request
        def listen() -> AnyResponse | None:
            self.heard.append((request.path, request.form.to_dict()))
            answer = self.answers.get(request.path)
            return answer() if answer else None

        for path, answer in {
            METADATA: self._metadata,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": lambda: {"keys": [key.as_dict(private=False) for key in self.keys]},
            "/userinfo": self._userinfo,
        }.items():
            app.add_url_rule(path, path, answer, methods=["GET", "POST"])
        return app

    def asked(self, path: str) -> int:
        """Return how often the portal asked for a path."""
        return [heard for heard, _ in self.heard].count(path)

    def _metadata(self) -> dict[str, Any]:
        honest = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return _with(honest, self.metadata)

    def _authorize(self) -> AnyResponse:
        code = secrets.token_hex(8)
        self._codes[code] = request.args.to_dict()
        back = _with({"code": code, "state": request.args["state"]}, self.back)
        return redirect(f"{request.args['redirect_uri']}?{urlencode(back)}")

    def _token(self) -> Any:
        if request.headers.get("Authorization") != _basic() and request.form.get("client_secret") != SECRET:
            return {"error": "invalid_client"}, 401
        asked = self._codes.pop(request.form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != request.form.get("redirect_uri"):
            return {"error": "invalid_grant"}, 400
        if create_s256_code_challenge(request.form["code_verifier"]) != asked["code_challenge"]:
            return {"error": "invalid_grant"}, 400
        id_token = self.sign({"alg": "RS256", "kid": self.key.kid, **self.header}, self._claims(asked["nonce"]))
        honest = {"access_token": "access-of-bob", "token_type": "Bearer", "expires_in": 60, "id_token": id_token}
        return _with(honest, self.token)

    def _claims(self, nonce: str) -> dict[str, Any]:
        now = int(time.time())
        honest = {
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
        return _with(honest, self.claims)

    def _userinfo(self) -> Any:
        if request.headers.get("Authorization") != "Bearer access-of-bob":
            return {"error": "invalid_token"}, 401
        return _with({"sub": "bob"}, self.userinfo)


@contextmanager
def lying_provider(key: RSAKey) -> Iterator[Provider]:
    """Serve a provider that is honest so far while the block runs."""
    provider = Provider(key)
    port = servers.Port()
    with closing(port), servers.serving(provider.app(), port) as url:
        provider.issuer = url
        yield provider


def saying(status: int, document: Any = None, **headers: str) -> Callable[[], AnyResponse]:
    """Return an answer for ``answers``."""
    return lambda: Response(json.dumps(document), status, headers, content_type="application/json")


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Return a token with the algorithm ``none``."""
    return ".".join([_packed({**header, "alg": "none"}), _packed(claims), ""])


def with_shared_secret(secret: bytes) -> Signer:
    """Return what signs with a secret, as if provider and portal shared it."""

    def sign(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        text = f"{_packed({**header, 'alg': 'HS256'})}.{_packed(claims)}"
        return f"{text}.{_base64(hmac.digest(secret, text.encode(), hashlib.sha256))}"

    return sign


def _packed(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()


def _with(honest: Mapping[str, Any], lies: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**honest, **lies}.items() if value is not None}
