"""The operator's identity provider: its metadata judged, and every call to it bounded in time and in number."""

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
from joserfc.jwk import KeySet

from portal.pages.staff_auth.oidc.errors import (
    ProviderError,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
    fault_of,
)
from portal.pages.staff_auth.oidc.metadata import auth_method, judged, scope
from portal.settings.settings import Settings
from portal.zype.connections import Call
from portal.zype.deadline import Deadline
from portal.zype.wire import ZypeAdapter

METADATA_PATH = "/.well-known/openid-configuration"
# From now on the provider has moved or changed its mind after this long at most.
SECONDS_TO_KEEP_METADATA = 600.0
CONNECT_SECONDS = 3.0
# For all calls of one sign-in together: metadata, token, keys and userinfo.
SIGN_IN_SECONDS = 10.0
# Sign-ins that wait for the provider at once in a worker: whatever it does, the other threads stay free.
MOST_SIGN_INS = 4
LEEWAY_SECONDS = 60


class Provider:
    """The provider of PORTAL_STAFF_OIDC_ISSUER, shared by the threads of a worker.

    Args:
        settings: of which the three PORTAL_STAFF_OIDC_ credentials are set.
        seconds: that all calls of one sign-in may take together.
        clock: seconds of a clock that only moves forward.
    """

    def __init__(
        self,
        settings: Settings,
        seconds: float = SIGN_IN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.framework = FlaskIntegration("staff")
        self._settings = settings
        self._seconds = seconds
        self._clock = clock
        self._places = threading.BoundedSemaphore(MOST_SIGN_INS)
        self._kept: tuple[float, dict[str, Any]] | None = None

    @contextmanager
    def talk(self) -> Iterator["Talk"]:
        """Speak with the provider, within the time that one sign-in gets.

        Raises:
            ProviderError: too many do already; its metadata can't be had, or are not its own.
        """
        if not self._places.acquire(blocking=False):
            raise ProviderUnavailable("too many sign-ins wait for it")
        try:
            with Call(Deadline(self._seconds)).active():
                yield Talk(self._settings, self.framework, self._metadata())
        finally:
            self._places.release()

    def _metadata(self) -> dict[str, Any]:
        kept = self._kept
        if kept and self._clock() - kept[0] < SECONDS_TO_KEEP_METADATA:
            return dict(kept[1])
        issuer = str(self._settings.staff_oidc_issuer)
        with _step("metadata"), _Session(trust_env=self._settings.outbound_proxy) as session:
            found = session.request("GET", issuer.rstrip("/") + METADATA_PATH, withhold_token=True).json()
            metadata = judged(found, issuer)
        self._kept = (self._clock(), metadata)
        return dict(metadata)


class Talk:
    """One conversation with the provider. Every method raises ProviderError where it does not go well.

    Args:
        settings: whom the provider knows us as.
        framework: what keeps the departures apart from those of other providers.
        metadata: judged already.
    """

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
                # The token is used at once: one that is good for a minute is good enough.
                "leeway": 0,
            },
            user_agent="zype-activate",
            **metadata,
        )

    def departure(self, redirect_uri: str, **wishes: str | int) -> dict[str, str]:
        """Return the address to send the browser to, and what has to be known when it comes back."""
        departure: dict[str, str] = self._app.create_authorization_url(redirect_uri, **wishes)
        return departure

    def check_issuer(self, sent: str | None) -> None:
        """Refuse an authorization that another issuer sent: RFC 9207."""
        is_required = self.metadata.get("authorization_response_iss_parameter_supported") is True
        if sent != self.metadata["issuer"] and (sent is not None or is_required):
            raise ProviderRefused("another issuer sent it")

    def token(self, code: str, code_verifier: str, redirect_uri: str) -> Mapping[str, Any]:
        """Return what the provider gives for an authorization code."""
        with _step("token"):
            token: Mapping[str, Any] = self._app.fetch_access_token(
                redirect_uri, code=code, code_verifier=code_verifier
            )
        return token

    def id_token(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of the ID token: signed with a key of the provider's, for us, now, and for this nonce."""
        # The keys are asked for each time, so a new one counts at once and an old one no longer.
        options = {
            "iss": {"essential": True, "value": self.metadata["issuer"]},
            "sub": {"essential": True},
            # Authlib alone lets a foreign audience pass whose azp is ours.
            "aud": {"essential": True, "value": self._app.client_id},
        }
        self._load_keys()
        with _step("ID token"):
            if "id_token" not in token:
                raise ProviderMisconfigured("it sends no ID token")
            claims = self._app.parse_id_token(token, nonce=nonce, claims_options=options, leeway=LEEWAY_SECONDS)
        return dict(claims)

    def userinfo(self, token: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """Return what the provider says of the agent apart from the ID token; nothing where it has no such place."""
        if "userinfo_endpoint" not in self.metadata:
            return {}
        with _step("userinfo"):
            claims = dict(self._app.userinfo(token=token))
            if claims.get("sub") != subject:
                raise ProviderRefused("userinfo is about somebody else")
        return claims

    def check_client(self) -> None:
        """See whether its keys can be had, and whether it takes our id and secret, as far as shows without a person."""
        self._load_keys()
        try:
            self.token(uuid4().hex, uuid4().hex + uuid4().hex, str(self.metadata["issuer"]))
        except ProviderRefused:
            return
        raise ProviderMisconfigured("it gave a token for a code that can't exist").at("token")

    def _load_keys(self) -> None:
        with _step("keys"):
            try:
                keys = KeySet.import_key_set(self._app.fetch_jwk_set()).keys
            except JoseError as error:
                raise ProviderMisconfigured("they can't be read") from error
            if not keys:
                raise ProviderMisconfigured("there are none")


class _Session(OAuth2Session):  # type: ignore[misc]
    """A session of requests over our adapter: its time-outs, its TLS, no redirects; and only a 200 is an answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        adapter = ZypeAdapter(connections=1, connect_seconds=CONNECT_SECONDS, call_seconds=SIGN_IN_SECONDS)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        answer: requests.Response = super().request(method, url, *args, **kwargs)
        fault = fault_of(answer)
        if fault is not None:
            raise fault
        return answer


class _App(FlaskOAuth2App):  # type: ignore[misc]
    client_cls = _Session


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Turn all that can go wrong with a call into a ProviderError, which holds nothing that was sent or received."""
    fault: ProviderError | None = None
    try:
        yield
    except ProviderError as error:
        fault = error
    except requests.exceptions.InvalidJSONError:
        fault = ProviderMisconfigured("its answer is no JSON")
    except requests.RequestException as error:
        fault = ProviderUnavailable(type(error).__name__)
    except ClaimError as error:
        fault = ProviderRefused(f"{error.claim} is not right")
    except (OAuthError, JoseError) as error:
        fault = ProviderRefused(type(error).__name__)
    except (LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        # Raised inside Authlib for a document that has another shape than the standards give it.
        fault = ProviderMisconfigured(f"its answer can't be understood ({type(error).__name__})")
    if fault is not None:
        raise fault.at(name)
