"""What a page of the console carries to the next one by way of the browser, sealed so that nobody can change it."""

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from itsdangerous import BadData, URLSafeSerializer

from portal.services import services
from portal.settings.keys import Purpose, derive
from portal.viewers.directory import Viewer


@dataclass(frozen=True)
class Caller:
    """The viewer whom an agent has on the telephone, as the pages name them.

    Where Zype can't be asked, a page names them as the page before it did; without one, by their id alone.
    """

    consumer_id: str
    name: str | None = None
    email: str | None = None

    @property
    def label(self) -> str:
        """What the pages call the viewer."""
        return self.name or str(_("Viewer without a name"))

    @property
    def sealed(self) -> str:
        """The caller for a hidden field of the next form; never for an address, since it holds an e-mail."""
        return seal("caller", self.consumer_id, self.name, self.email)


def caller_of(viewer: Viewer) -> Caller:
    """Return a viewer whom Zype has just named."""
    return Caller(viewer.consumer_id, viewer.name, viewer.email)


def opened_caller(sealed: str, consumer_id: str) -> Caller:
    """Return the caller whom the page before this one named, if it was about the same viewer."""
    match unseal("caller", sealed):
        case [found, name, email] if found == consumer_id:
            return Caller(consumer_id, name, email)
        case _:
            return Caller(consumer_id)


def seal(what: str, *texts: str | None) -> str:
    """Return texts in one, with a signature; they can be read by whoever has it.

    Args:
        what: the kind of texts; sealed as one kind, they are nothing as another.
        texts: to carry along.
    """
    return str(_serializer(what).dumps(texts))


def unseal(what: str, sealed: str) -> list[Any]:
    """Return the texts that were sealed, or none at all where this is not our seal."""
    try:
        texts: list[Any] = _serializer(what).loads(sealed)
    except BadData:
        return []
    return texts


def _serializer(what: str) -> URLSafeSerializer:
    settings = services().settings
    secrets = [secret for secret in (settings.secret_key_previous, settings.secret_key) if secret]
    # The last one signs; any of them is believed.
    keys = [derive(secret.get_secret_value().encode(), Purpose.CONSOLE_STATE) for secret in secrets]
    return URLSafeSerializer(keys, salt=what)
