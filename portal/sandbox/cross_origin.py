"""What lets apps on web TVs call the sandbox from pages of their own (CORS), as they call Zype."""

from flask import Response, request

_METHODS = "GET, POST, PUT, OPTIONS"
_HEADERS = "Authorization, Content-Type, X-Requested-With, x-zype-app-key, x-zype-key"
_DAY_SECONDS = 24 * 60 * 60


def allow(response: Response) -> Response:
    """Allow the page that asks to read an answer, with credentials: so Zype's library asks, and then ``*`` won't do."""
    response.vary.add("Origin")
    if origin := request.headers.get("Origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = str(_DAY_SECONDS)
    return response
