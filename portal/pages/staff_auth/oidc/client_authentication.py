"""How the portal authenticates itself to the provider: the id and the secret of its client."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

POST = "client_secret_post"
BASIC = "client_secret_basic"


def client_secret_basic(client: Any, method: str, uri: str, headers: Any, body: str) -> tuple[str, Any, str]:
    """Add the header with id and secret, each form-encoded first: RFC 6749, section 2.3.1. Authlib leaves that out.

    The arguments and the result are those that Authlib's client gives to a method of authentication and needs back.
    """
    credentials = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(credentials.encode()).decode()}"
    return uri, headers, body


def auth_method(metadata: Mapping[str, Any]) -> Any:
    """Return how Authlib shall send the secret: in the header, unless the provider supports only the form."""
    supported = metadata.get("token_endpoint_auth_methods_supported") or [BASIC]
    return client_secret_basic if BASIC in supported else POST
