"""How the pages of the console name the viewer whom an agent helps."""

from dataclasses import dataclass
from urllib.parse import quote

from flask_babel import gettext as _

from portal.pages.support.signed_state import sign, verify
from portal.pages.web.origins import CONSOLE
from portal.viewers.directory import Viewer


def viewer_path(consumer_id: str) -> str:
    """Return the path of the page about a viewer."""
    return f"{CONSOLE}/viewers/{quote(consumer_id, safe='')}"


@dataclass(frozen=True)
class ViewerSummary:
    """The viewer whom an agent helps, as the pages name them.

    When Zype can't be asked, a page names the viewer as the page before it did, or else by their id alone.
    """

    consumer_id: str
    name: str | None = None
    email: str | None = None

    @classmethod
    def of(cls, viewer: Viewer) -> "ViewerSummary":
        """Return the summary of a viewer whom Zype has just described."""
        return cls(viewer.consumer.id, viewer.consumer.name, viewer.consumer.email)

    @classmethod
    def verified(cls, signed: str | None, consumer_id: str) -> "ViewerSummary":
        """Return the summary in a signed text; only the id if the text is not ours or about another viewer."""
        match verify("caller", signed):
            case [found, name, email] if found == consumer_id:
                return cls(consumer_id, name, email)
            case _:
                return cls(consumer_id)

    @property
    def path(self) -> str:
        """The path of the page about the viewer."""
        return viewer_path(self.consumer_id)

    @property
    def label(self) -> str:
        """What the pages call the viewer."""
        return self.name or str(_("Viewer without a name"))

    @property
    def signed(self) -> str:
        """The summary for a hidden field of the next form; never for an address, since it contains an email."""
        return sign("caller", self.consumer_id, self.name, self.email)
