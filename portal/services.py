"""What the pages work with, built once by create_app, and the one way to find it."""

from dataclasses import dataclass

from flask import current_app

from portal.agents import Agents
from portal.attempt_history import AttemptHistory
from portal.audit import Ledger
from portal.budgets import Budgets
from portal.config import Settings
from portal.db import Database
from portal.directory import Directory
from portal.history import History
from portal.linking import Linking
from portal.second_factor import SecondFactor
from portal.sessions import Sessions
from portal.unlinking import Unlinking
from portal.viewer_records import ViewerRecords
from portal.zype.client import ZypeClient

EXTENSION = "portal"


@dataclass(frozen=True)
class Services:
    """The portal's services. Each is shared by the threads of a worker."""

    settings: Settings
    database: Database
    ledger: Ledger
    sessions: Sessions
    zype: ZypeClient
    linking: Linking
    unlinking: Unlinking
    history: History
    attempts: AttemptHistory
    budgets: Budgets
    records: ViewerRecords
    directory: Directory
    agents: Agents
    second_factor: SecondFactor


def services() -> Services:
    """Return the services of the app that answers this request."""
    found: Services = current_app.extensions[EXTENSION]
    return found
