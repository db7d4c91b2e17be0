"""What the server answers in place of a page says what to do, and has the headers of every answer."""

from http import HTTPStatus

from portal.pages.web.headers import for_every_answer
from portal.pages.web.refusals import refusals
from portal.settings.loading import load
from tests.harness.cases import each

SETTINGS = load(
    {"PORTAL_PUBLIC_URL": "https://tv.example.com", "PORTAL_SECRET_KEY": "5ec4e7" * 11, "PORTAL_SANDBOX_PUBLIC": "yes"}
)
WORDS = {
    400: "did not arrive whole",
    408: "check your connection",
    413: "too long",
    414: "https://tv.example.com/activate",
    431: "too many cookies of this domain. Clear them",
    500: "https://tv.example.com/activate",
}


@each("status", sorted(WORDS))
def test_each_is_a_plain_sentence_that_says_what_to_do(status: int) -> None:
    head, _, body = refusals(SETTINGS)[status].partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    assert len(headers) == len(lines), "no header stands twice"
    assert WORDS[status] in body.decode()
    assert headers["Content-Length"] == str(len(body))
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Connection"] == "close"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert dict(for_every_answer(SETTINGS)).items() <= headers.items()


def test_there_is_no_other() -> None:
    assert set(refusals(SETTINGS)) == set(WORDS)
