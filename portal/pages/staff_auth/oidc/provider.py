"""The operator's identity provider, and a client of it: metadata are validated, calls bounded in time and number."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import ClaimError, JoseError
from joserfc.jwk import Key

from portal.pages.auth.signatures import fits, public_key
from portal.pages.staff_auth.oidc.client_authentication import auth_method
from portal.pages.staff_auth.oidc.errors import (
    ProviderError,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
    error_of,
)
from portal.pages.staff_auth.oidc.id_token import claims_of
from portal.pages.staff_auth.oidc.metadata import scope, validated
from portal.settings.settings import Settings
from portal.zype.adapter import ZypeAdapter
from portal.zype.connections import Call
from portal.zype.deadline import Deadline

METADATA_PATH = "/.well-known/openid-configuration"
# When the provider changes its metadata, the portal notices after this long at most.
METADATA_SECONDS = 600.0
CONNECT_SECONDS = 3.0
# For all calls of one sign-in together: metadata, token, keys and userinfo.
SIGN_IN_SECONDS = 10.0
# Sign-ins that wait for the provider at once in a worker: the other threads stay free, whatever it does.
MAX_CONCURRENT_SIGN_INS = 4


class Provider:
    """The provider of PORTAL_STAFF_OIDC_ISSUER, shared by the threads of a worker."""

    def __init__(
        self, settings: Settings, seconds: float = SIGN_IN_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.framework = FlaskIntegration("staff")
        self._settings = settings
        self._seconds = seconds
        self._clock = clock
        self._slots = threading.BoundedSemaphore(MAX_CONCURRENT_SIGN_INS)
        self._cache: tuple[float, dict[str, Any]] | None = None

    @contextmanager
    def client(self) -> Iterator["ProviderClient"]:
        """Yield a client for one sign-in, whose calls share the time that one gets.

        Raises ProviderError if too many sign-ins wait already, or the provider's metadata can't be had or are wrong.
        """
        if not self._slots.acquire(blocking=False):
            raise ProviderUnavailable("too many sign-ins wait for it")
        try:
            with Call(Deadline(self._seconds)).active():
                yield ProviderClient(self._settings, self.framework, self._metadata())
        finally:
            self._slots.release()

    def _metadata(self) -> dict[str, Any]:
        if self._cache and self._clock() - self._cache[0] < METADATA_SECONDS:
            return dict(self._cache[1])
        issuer = str(self._settings.staff_oidc_issuer)
        with _call("metadata"), _Session(trust_env=self._settings.outbound_proxy) as session:
            document = session.request("GET", issuer.rstrip("/") + METADATA_PATH, withhold_token=True).json()
            metadata = validated(document, issuer)
        self._cache = (self._clock(), metadata)
        return dict(metadata)


class ProviderClient:
    """A client of the provider, for one sign-in. Every method raises ProviderError."""

    def __init__(self, settings: Settings, framework: FlaskIntegration, metadata: dict[str, Any]) -> None:
        self.metadata = metadata
        secret = settings.staff_oidc_client_secret
        self._app = _App(
            framework,
            "staff",
            client_id=settings.staff_oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            client_kwargs={
                "scope": scope(settings.staff_oidc_role_claim, metadata),
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": auth_method(metadata),
                "trust_env": settings.outbound_proxy,
                # The token is used at once, so it need not be valid for longer.
                "leeway": 0,
            },
            user_agent="zype-activate",
            **metadata,
        )

    def authorization_url(self, redirect_uri: str, **parameters: str | int) -> str:
        """Return the URL of an authorization request; of its code verifier it contains the challenge."""
        return str(self._app.create_authorization_url(redirect_uri, **parameters)["url"])

    def check_issuer(self, iss: str | None) -> None:
        """Refuse an authorization that another issuer sent: RFC 9207."""
        is_required = self.metadata.get("authorization_response_iss_parameter_supported") is True
        if iss != self.metadata["issuer"] and (iss is not None or is_required):
            raise ProviderRefused("another issuer sent it")

    def token(self, code: str, code_verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        """Exchange an authorization code; return the token response."""
        with _call("token"):
            return dict(self._app.fetch_access_token(redirect_uri, code=code, code_verifier=code_verifier))

    def id_token(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of the ID token, after a check of its signature, audience, times and nonce."""
        # The keys are requested each time, so a new one is accepted at once and an old one no longer.
        keys = self._load_keys()
        with _call("ID token"):
            return claims_of(token, keys, self.metadata, client_id=self._app.client_id, nonce=nonce)

    def userinfo(self, token: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """Return the claims of the userinfo endpoint; none where the provider has no such endpoint."""
        if "userinfo_endpoint" not in self.metadata:
            return {}
        with _call("userinfo"):
            claims = dict(self._app.userinfo(token=token))
            if claims.get("sub") != subject:
                raise ProviderRefused("userinfo is about somebody else")
            return claims

    def check_client(self) -> None:
        """Check the keys, the client's id and its secret, as far as is possible without a person who signs in."""
        self._load_keys()
        try:
            self.token(uuid4().hex, uuid4().hex + uuid4().hex, str(self.metadata["issuer"]))
        except ProviderRefused:
            return
        raise ProviderMisconfigured("it gave a token for a code that can't exist").at("token")

    def _load_keys(self) -> list[Key]:
        """Return the keys that can verify an ID token; what else is published is ignored."""
        supported = self.metadata["id_token_signing_alg_values_supported"]
        with _call("keys"):
            keys = [key for key in map(public_key, self._app.fetch_jwk_set()["keys"]) if key]
            usable = [key for key in keys if any(fits(key, name) for name in supported)]
            if not usable:
                raise ProviderMisconfigured("none of them can verify a signature that the provider supports")
            return usable


class _Session(OAuth2Session):  # type: ignore[misc]
    """A requests session over our adapter, with its time-outs and TLS; every status but 200 is an error."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        adapter = ZypeAdapter(connections=1, connect_seconds=CONNECT_SECONDS, call_seconds=SIGN_IN_SECONDS)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        response: requests.Response = super().request(method, url, *args, **kwargs)
        if error := error_of(response):
            raise error
        return response


class _App(FlaskOAuth2App):  # type: ignore[misc]
    client_cls = _Session


@contextmanager
def _call(name: str) -> Iterator[None]:
    """Turn every error of a call into a ProviderError, which contains nothing that was sent or received."""
    found: ProviderError
    try:
        yield
        return
    except ProviderError as error:
        found = error
    except requests.exceptions.InvalidJSONError:
        found = ProviderMisconfigured("its answer is no JSON")
    except requests.RequestException as error:
        found = ProviderUnavailable(type(error).__name__)
    except ClaimError as error:
        found = ProviderRefused(f"{error.claim} is not right")
    except (OAuthError, JoseError) as error:
        found = ProviderRefused(type(error).__name__)
    except (LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        # Raised inside Authlib for a document that has another shape than the standards give it.
        found = ProviderMisconfigured(f"its answer can't be understood ({type(error).__name__})")
    raise found.at(name)
