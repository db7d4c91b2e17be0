"""Whether a request is for the console: by its origin, where PORTAL_STAFF_URL gives it one, or else by its path."""

from flask import request

from portal.services import services

CONSOLE = "/support"
# What the check of the Host header notes of a request for the console's own origin.
ENVIRON_KEY = "portal.console_origin"


def is_console_origin() -> bool:
    """Tell whether this request is for the console's own origin; there may be none."""
    return bool(request.environ.get(ENVIRON_KEY))


def is_for_staff() -> bool:
    """Tell whether this request is for the console, if there is one."""
    settings = services().settings
    if settings.staff_url:
        return is_console_origin()
    return settings.has_console and is_console_path(request.path)


def is_console_path(path: str) -> bool:
    """Tell whether a canonical path, perhaps with a query, is one of the console."""
    path = path.partition("?")[0]
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")
