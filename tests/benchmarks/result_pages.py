"""Which page an answer shows, told by its words, on the portal and on the floor alike."""

import re
from html import unescape

from tests.benchmarks.http_connection import Answer

# The first that is found counts: a page with a problem has the form too. Apostrophes are escaped on some pages.
SENTENCES = {
    "linked": b"Your TV is linked</",
    "linked_by_agent": b"The TV is linked</",
    "not_found": b"PIN not found</",
    "refused": b"be linked</h2>",
    "malformed": b"Enter the PIN exactly as your TV shows it</",
    "too_many": b"Please wait before you try again</",
    "unavailable": b"link your TV right now</",
    "unknown": b"We did not hear back</",
    "stale": b"Nothing has been linked.",
    "read_back": b"Read this PIN to the caller</h1>",
    "agent_form": b"Link a TV for a viewer</h1>",
    "find_viewer": b"Find a viewer</h1>",
    "no_tvs": b"show your TVs right now</",
    "tvs": b"Your TVs</h1>",
    "sign_in": b'name="password"',
    "entry": b'name="pin"',
}
FORM = re.compile(rb'<form[^>]*action="([^"]*)".*?</form>', re.DOTALL)
HIDDEN = re.compile(rb'<input type="hidden"([^>]*)>')
ATTRIBUTE = re.compile(rb'(name|value)="([^"]*)"')


def shown(answer: Answer) -> str:
    """Return the name of the page: the one that a redirect leads to, or the first whose sentence is there."""
    if answer.status == 303:
        path = answer.header(b"location").partition("?")[0]
        return "linked" if path.endswith("/done") else f"to {path}"
    return next((page for page, sentence in SENTENCES.items() if sentence in answer.body), f"status {answer.status}")


def hidden_fields(body: bytes, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that is sent to a path, the CSRF token among them; none without it."""
    for form in FORM.finditer(body):
        if unescape(form[1].decode()) == action:
            inputs = (dict(ATTRIBUTE.findall(found[1])) for found in HIDDEN.finditer(form[0]))
            return {unescape(each[b"name"].decode()): unescape(each.get(b"value", b"").decode()) for each in inputs}
    return {}
