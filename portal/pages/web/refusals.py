"""What the server answers in place of a page: a plain sentence for each status, which says what to do."""

from portal.pages.web.headers import for_every_answer, refusal
from portal.settings.settings import Settings

# Nothing was done in any of these cases but the last, since no request was there yet.
SENTENCES = {
    400: "We could not read this request, or it did not arrive whole. Nothing has changed: go back and try again.",
    408: "This request took too long to arrive. Nothing has changed: check your connection and try again.",
    413: "That was too long. Nothing has changed: go back, shorten what you entered, and try again.",
    414: "This address is too long. Open {first_page} and start again.",
    431: "Your browser sends too many cookies of this domain. Clear them, then open {first_page}",
    500: "Sorry, something went wrong. If you were linking a TV, look at it first. Then open {first_page}",
}


def refusals(settings: Settings) -> dict[int, bytes]:
    """Return answers by their status, as they are sent: status line, headers and body, before the connection closes."""
    first_page = f"{settings.public_url}/activate"
    return {status: _answer(settings, status, text.format(first_page=first_page)) for status, text in SENTENCES.items()}


def _answer(settings: Settings, status: int, sentence: str) -> bytes:
    response = refusal(status, sentence)
    response.headers.extend([*for_every_answer(settings), ("Connection", "close")])
    return f"HTTP/1.1 {response.status}\r\n{response.headers}".encode() + response.get_data()
