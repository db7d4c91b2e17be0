"""Where the pages of the sandbox lead: to each other, and to those of the portal."""

from flask import request, url_for

from portal.sandbox.state import sandbox


def places() -> list[tuple[str, str, bool]]:
    """Return where each page leads: the addresses, their names, and whether it is the page of this request."""
    pages = (
        ("pages.index", "Sandbox"),
        ("tv.tv", "TV"),
        ("tv.living_room", "Living room"),
        ("pages.mail", "Mail"),
        ("video_service.video_service", "Your video service"),
        ("authenticator.authenticator", "Authenticator app"),
    )
    found = [(url_for(endpoint), name, url_for(endpoint) == request.path) for endpoint, name in pages]
    found.append((sandbox().activate_url, "Portal", False))
    if console_url := sandbox().console_url:
        found.append((console_url, "Console", False))
    return found
