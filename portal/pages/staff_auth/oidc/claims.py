"""What an identity provider says of an agent: who they are, what they may do, and when they proved it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.domain.actors import Role
from portal.settings.settings import Settings
from portal.staff.agents import OIDC_PREFIX

# OpenID Connect Core, section 2: a sub is no longer.
LONGEST_SUBJECT = 255
LONGEST_NAME = 200
# Names and addresses by which people know each other, best first.
NAMES = ("name", "preferred_username", "email")


@dataclass(frozen=True)
class Claims:
    """Claims of an ID token whose signature and audience were found right, and those of userinfo.

    Args:
        id_token: counts where both say something.
        userinfo: empty unless it was asked for.
    """

    id_token: Mapping[str, Any]
    userinfo: Mapping[str, Any]

    def find(self, name: str) -> object:
        """Return a claim, or none; dots in its name may lead into objects."""
        found = _find(self.id_token, name)
        return _find(self.userinfo, name) if found is None else found

    @property
    def subject(self) -> str | None:
        """The provider's name for the agent, which never changes; none where it can't be kept."""
        subject = self.id_token.get("sub")
        is_sound = isinstance(subject, str) and subject.isprintable() and 0 < len(subject) <= LONGEST_SUBJECT
        return str(subject) if is_sound else None

    @property
    def agent_id(self) -> str:
        """The agent as the ledger names them; empty where the provider's name for them can't be kept."""
        return f"{OIDC_PREFIX}{self.subject}" if self.subject else ""

    @property
    def name(self) -> str:
        """What to greet the agent by."""
        return next(filter(None, (self._text(name) for name in NAMES)), self.subject or "")

    @property
    def email(self) -> str | None:
        """The agent's e-mail address, if the provider tells one and does not call it unverified."""
        return None if self.find("email_verified") is False else self._text("email")

    @property
    def proved_at(self) -> datetime | None:
        """When the agent proved who they are, by the provider's clock; none where it does not say."""
        moment = self.id_token.get("auth_time")
        if isinstance(moment, bool) or not isinstance(moment, int | float):
            return None
        try:
            return datetime.fromtimestamp(moment, UTC)
        except (ValueError, OverflowError, OSError):
            return None

    def role(self, settings: Settings) -> Role | None:
        """Return what the agent may do, or none; whoever has both roles is a supervisor."""
        said = self.find(settings.staff_oidc_role_claim)
        has = said if isinstance(said, list) else [said]
        if settings.staff_oidc_supervisor_role in has:
            return Role.SUPERVISOR
        return Role.AGENT if settings.staff_oidc_agent_role in has else None

    def _text(self, name: str) -> str | None:
        found = self.find(name)
        if not isinstance(found, str):
            return None
        return "".join(filter(str.isprintable, found)).strip()[:LONGEST_NAME] or None


def _find(claims: object, name: str) -> object:
    """Return a claim by its whole name, or else by following one of its dots into an object."""
    if not isinstance(claims, Mapping):
        return None
    if name in claims:
        return claims[name]
    dots = (place for place, sign in enumerate(name) if sign == ".")
    inside = (_find(claims[name[:dot]], name[dot + 1 :]) for dot in dots if name[:dot] in claims)
    return next((found for found in inside if found is not None), None)
