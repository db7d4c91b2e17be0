"""What an agent had typed when their session ended or they chose a language: kept for the same agent and page."""

import hashlib
import json

from flask import Response, request

from portal.domain.characters import visible
from portal.pages.identity.agent import Agent, last_agent_id
from portal.pages.identity.encrypted_cookie import EncryptedCookie
from portal.settings.keys import Purpose

# The fields that are kept, with the longest text in bytes: browsers drop a cookie of over 4 KB. Neither passwords nor
# codes; nor that the caller's identity was checked, which has to be done again.
FIELDS = {"who": 254, "pin": 100, "reason": 20, "details": 2000, "ticket": 200}

_cookie = EncryptedCookie("activate-staff-draft", Purpose.STAFF_DRAFT)
forget = _cookie.forget


def keep_sent(response: Response, page: str) -> None:
    """Keep what this request sent, if the session that it came with was an agent's.

    Args:
        page: the path of the page with the form.
    """
    agent_id = last_agent_id()
    typed = {name: _cut(request.form[name], length) for name, length in FIELDS.items() if request.form.get(name)}
    if agent_id and typed:
        _cookie.keep_text(response, json.dumps(typed, ensure_ascii=False), _owner(agent_id, page))


def read(agent: Agent) -> dict[str, str]:
    """Return what the agent had typed into the form of this request's page, by the names of the fields."""
    text = _cookie.read_text(_owner(agent.id, request.path))
    typed: dict[str, str] = json.loads(text) if text else {}
    return typed


def forget_of_page(response: Response, agent: Agent) -> None:
    """Delete the cookie if it is of the form of this request's page, and not of another one that is sent later."""
    if read(agent):
        forget(response)


def _owner(agent_id: str, page: str) -> str:
    # Hashed, because an id may be long, and a path may contain a line break.
    return hashlib.sha256(f"{agent_id} {page}".encode()).hexdigest()


def _cut(text: str, length: int) -> str:
    return visible(text).encode()[:length].decode(errors="ignore")
