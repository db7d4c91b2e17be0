"""Signing out at the staff's identity provider too (OpenID Connect RP-Initiated Logout)."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from portal.services import services

if TYPE_CHECKING:
    from portal.pages.staff_auth.oidc.provider import Provider


def end_session_url(provider: "Provider", path: str) -> str | None:
    """Return where the provider signs somebody out and sends them back to a path of ours; none if it has no such place.

    The client's id says who asks, and not the ID token, which would have to be kept. Raises as ``Provider.client``.
    """
    with provider.client() as client:
        endpoint = client.metadata.get("end_session_endpoint")
    if not endpoint:
        return None
    settings = services().settings
    query = {"client_id": settings.staff_oidc_client_id, "post_logout_redirect_uri": settings.console_url + path}
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"
