"""What an identity provider says about an agent: who they are, what they may do, and when they were authenticated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.domain.actors import Role
from portal.settings.settings import Settings

MAX_NAME = 200
# The clocks of provider and portal may differ by this much.
LEEWAY_SECONDS = 60
# Claims to display as the agent's name, best first.
NAME_CLAIMS = ("name", "preferred_username", "email")


@dataclass(frozen=True)
class Claims:
    """Claims of a validated ID token, which take precedence, and those of userinfo, if it was requested."""

    id_token: Mapping[str, Any]
    userinfo: Mapping[str, Any]

    def find(self, name: str) -> object:
        """Return a claim, or none; dots in its name may lead into objects."""
        claim = _find(self.id_token, name)
        return _find(self.userinfo, name) if claim is None else claim

    @property
    def subject(self) -> str:
        """The provider's permanent id of the agent."""
        return str(self.id_token["sub"])

    @property
    def issuer(self) -> str:
        """The provider whose subject it is."""
        return str(self.id_token["iss"])

    @property
    def name(self) -> str:
        """The name to display."""
        return next(filter(None, (self._text(name) for name in NAME_CLAIMS)), self.subject)

    @property
    def email(self) -> str | None:
        """The agent's email address, unless the provider says that it is unverified."""
        return None if self.find("email_verified") is False else self._text("email")

    @property
    def authenticated_at(self) -> datetime | None:
        """When the agent was authenticated, by the provider's clock; none where it does not say."""
        auth_time = self.id_token.get("auth_time")
        if isinstance(auth_time, bool) or not isinstance(auth_time, int | float):
            return None
        try:
            return datetime.fromtimestamp(auth_time, UTC)
        except (ValueError, OverflowError, OSError):
            return None

    def weakness(self, settings: Settings) -> str | None:
        """Return which claim of the ID token does not name a required context or every required method, or none."""
        if settings.staff_oidc_acr and self.id_token.get("acr") not in settings.staff_oidc_acr:
            return "acr: the ID token has none of PORTAL_STAFF_OIDC_ACR"
        if not set(settings.staff_oidc_amr) <= _texts(self.id_token.get("amr")):
            return "amr: the ID token does not have all of PORTAL_STAFF_OIDC_AMR"
        return None

    def role(self, settings: Settings) -> Role | None:
        """Return what the agent may do, or none; whoever has both roles is a supervisor."""
        roles = _listed(self.find(settings.staff_oidc_role_claim))
        if settings.staff_oidc_supervisor_role in roles:
            return Role.SUPERVISOR
        return Role.AGENT if settings.staff_oidc_agent_role in roles else None

    def missing_role(self, settings: Settings) -> str:
        """Return why there is no role, without anything that the provider sent."""
        name = settings.staff_oidc_role_claim
        claim = self.find(name)
        if claim is None and self._is_left_out(name):
            return (
                f"role: there are too many {name} for the ID token: the provider sends a reference in place of them "
                "(overage). Let it send roles, or the groups of this application alone"
            )
        if claim is None:
            return f"role: neither the ID token nor userinfo has the claim {name}"
        if not all(isinstance(value, str) for value in _listed(claim)):
            return f"role: the claim {name} is neither a text nor a list of texts"
        spelt = {_plain(settings.staff_oidc_agent_role), _plain(settings.staff_oidc_supervisor_role)}
        if any(_plain(value) in spelt for value in _listed(claim)):
            return f"role: the claim {name} has a role in another spelling: check capitals, slashes and spaces"
        return f"role: the claim {name} has neither of the two roles"

    def _is_left_out(self, name: str) -> bool:
        """Tell whether the provider refers to a claim in place of sending it.

        OpenID Connect Core, section 5.6.2, and Microsoft's documentation of the claims _claim_names and hasgroups.
        """
        for claims in (self.id_token, self.userinfo):
            references = claims.get("_claim_names")
            if isinstance(references, Mapping) and name in references:
                return True
        return name == "groups" and self.find("hasgroups") in (True, "true")

    def _text(self, name: str) -> str | None:
        claim = self.find(name)
        if not isinstance(claim, str):
            return None
        return "".join(filter(str.isprintable, claim)).strip()[:MAX_NAME] or None


def _listed(claim: object) -> list[Any]:
    return claim if isinstance(claim, list) else [claim]


def _plain(role: str) -> str:
    return role.strip("/ ").casefold()


def _texts(claim: object) -> set[str]:
    return {text for text in claim if isinstance(text, str)} if isinstance(claim, list) else set()


def _find(claims: object, name: str) -> object:
    """Return a claim by its whole name, or else by following one of its dots into an object."""
    if not isinstance(claims, Mapping):
        return None
    if name in claims:
        return claims[name]
    dots = (index for index, character in enumerate(name) if character == ".")
    nested = (_find(claims[name[:dot]], name[dot + 1 :]) for dot in dots if name[:dot] in claims)
    return next((claim for claim in nested if claim is not None), None)
