"""Where the pages of the sandbox lead: to each other, and to those of the portal."""

from flask import request, url_for

from portal.sandbox.state import sandbox


def places() -> list[tuple[str, str, bool]]:
    """Return the pages to see: the address of each, its name, and whether it is the one of this request."""
    pages = (
        ("pages.index", "Sandbox"),
        ("tv.tv", "TV"),
        ("pages.mail", "Mail"),
        ("video_service.video_service", "Your video service"),
        ("authenticator.authenticator", "Authenticator app"),
    )
    own = [(url_for(endpoint), name, url_for(endpoint) == request.path) for endpoint, name in pages]
    console = [(url, "Console", False) for url in [sandbox().console_url] if url]
    return [*own, (sandbox().activate_url, "Portal", False), *console]
