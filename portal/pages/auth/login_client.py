"""Authlib's client of Zype's login service. It is imported only where viewers sign in on Zype's own page."""

from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import get_well_known_url
from flask import Flask

from portal.pages.auth.authorization_errors import AuthorizationRefused
from portal.services import services
from portal.settings.settings import Settings

# All members that are used. Authlib hands each on to requests, which would obey "verify": false.
MEMBERS = (
    *("issuer", "authorization_endpoint", "token_endpoint"),
    "authorization_response_iss_parameter_supported",
)


class _Session(OAuth2Session):  # type: ignore[misc]
    """A requests session over the adapter of our client to Zype: its time-outs, its TLS and no redirects."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trust_env = services().settings.outbound_proxy
        for scheme in ("https://", "http://"):
            self.mount(scheme, services().zype.login_adapter)


class LoginClient(FlaskOAuth2App):  # type: ignore[misc]
    """Authlib's client, with the members of the metadata that are used and no other."""

    client_cls = _Session
    server_metadata: dict[str, Any]

    def load_server_metadata(self) -> dict[str, Any]:
        """Return the metadata; they are loaded once. Raises what requests raises, and TypeError for no document."""
        if not self.server_metadata:
            with self._get_session() as session:
                answer = session.request("GET", self._server_metadata_url, withhold_token=True)
                answer.raise_for_status()
                document = answer.json()
            self.server_metadata = {name: document[name] for name in MEMBERS if name in document}
        return self.server_metadata

    def exchange(self, redirect_uri: str, code: str, code_verifier: str) -> dict[str, Any]:
        """Return the token response for a code. Raises AuthorizationRefused, and what requests raises."""
        try:
            return dict(self.fetch_access_token(redirect_uri, code=code, code_verifier=code_verifier))
        except OAuthError as error:
            raise AuthorizationRefused(error.error) from error


def make_client(app: Flask, settings: Settings) -> LoginClient:
    """Return the client, registered with Authlib."""
    client: LoginClient = OAuth(app).register(
        "zype",
        client_cls=LoginClient,
        client_id=settings.zype_client_id,
        client_secret=settings.zype_client_secret.get_secret_value(),
        server_metadata_url=get_well_known_url(settings.zype_login_url, external=True),
        client_kwargs={
            "scope": "consumer_profile.read",
            "code_challenge_method": "S256",
            # As for every other call with the secret, which Zype documents in this form alone.
            "token_endpoint_auth_method": "client_secret_post",
        },
    )
    return client
