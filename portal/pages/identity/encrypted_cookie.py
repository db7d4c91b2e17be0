"""A text between two requests: in an encrypted cookie, for at most half an hour."""

from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from flask import Response, request

from portal.services import services
from portal.settings.keys import Purpose, encryption
from portal.settings.settings import Settings

LIFETIME_SECONDS = 30 * 60


@dataclass(frozen=True)
class EncryptedCookie:
    """A cookie with a text, encrypted with a key of its own. With https its name gets a prefix."""

    name: str
    purpose: Purpose

    def keep_text(self, response: Response, text: str, owner: str = "") -> None:
        """Set the cookie in a response; to read the text, the same owner has to be given."""
        settings = services().settings
        response.set_cookie(
            self._name(settings),
            encryption(settings, self.purpose).encrypt(_labelled(owner, text).encode()).decode(),
            max_age=LIFETIME_SECONDS,
            secure=settings.is_https,
            httponly=True,
            samesite="Lax",
        )

    def read_text(self, owner: str = "") -> str:
        """Return the text in this request's cookie; empty if there is none for this owner, or it has expired."""
        settings, cookies = services().settings, request.cookies
        name = self._name(settings)
        if name not in cookies:
            return ""
        try:
            text = encryption(settings, self.purpose).decrypt(cookies[name].encode(), ttl=LIFETIME_SECONDS).decode()
        except (InvalidToken, UnicodeError):
            return ""
        label = _labelled(owner, "")
        return text.removeprefix(label) if text.startswith(label) else ""

    def forget(self, response: Response) -> None:
        """Delete the cookie, if this request has it."""
        settings = services().settings
        if self._name(settings) in request.cookies:
            response.delete_cookie(self._name(settings), secure=settings.is_https, httponly=True, samesite="Lax")

    def _name(self, settings: Settings) -> str:
        return settings.cookie_name(self.name)


def _labelled(owner: str, text: str) -> str:
    # No owner contains a line break, and neither does a text without an owner.
    return f"{owner}\n{text}" if owner else text
