"""What the pages work with, built once by create_app, and the one way to find it."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app

from portal.database.authorizations import Authorizations
from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.database.used_tokens import UsedTokens
from portal.ledger.budgets import Budgets
from portal.ledger.delays import Delays
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.linking.linking import Linking
from portal.linking.reports import Reports
from portal.linking.unlinking import Unlinking
from portal.settings.settings import Settings
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor
from portal.viewers.directory import Directory
from portal.viewers.password_mails import PasswordMails
from portal.viewers.preferences import ViewerPreferences
from portal.viewers.sign_out import SignOut
from portal.zype.client import ZypeClient

EXTENSION = "portal"
# What the proxy would ask at each use, and then for its attribute.
_current_app: Callable[[], Flask] = current_app._get_current_object  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Services:
    """The portal's services. Each is shared by the threads of a worker."""

    settings: Settings
    database: Database
    ledger: Ledger
    delays: Delays
    sessions: Sessions
    authorizations: Authorizations
    sign_out: SignOut
    used_tokens: UsedTokens
    zype: ZypeClient
    linking: Linking
    unlinking: Unlinking
    reports: Reports
    history: History
    budgets: Budgets
    preferences: ViewerPreferences
    directory: Directory
    password_mails: PasswordMails
    agents: Agents
    second_factor: SecondFactor
    # Whether the server will stop soon, so that it is to get no new requests.
    is_draining: Callable[[], bool]


def services() -> Services:
    """Return the services of the app that answers this request."""
    found: Services = _current_app().extensions[EXTENSION]
    return found
