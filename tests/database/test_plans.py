"""No statement of a page or of the mailer reads more of a table the more it has grown: each has a plan on an index."""

import secrets
from dataclasses import replace
from datetime import date, timedelta

import pytest
from limits import parse

from portal.database.authorizations import MAX_PER_BROWSER, AuthorizationKind
from portal.database.sessions import MAX_SESSIONS
from portal.domain.actors import SessionKind
from portal.domain.outcomes import Action, SignInOutcome
from portal.ledger.attempt_query import AttemptFilter
from portal.ledger.attempts import Attempt
from portal.ledger.limits import Counts, Limit, address_limits
from portal.mail.addresses import Addresses
from portal.mail.outbox import NoticeKind, Outbox
from portal.mail.unknown_attempts import UnknownAttempts
from portal.sandbox.seed import ALICE
from portal.services import Services
from portal.viewers.tv_numbers import tv_numbers
from tests.benchmarks.grown_database import Size, grow, viewer_id
from tests.fixtures import MakeServices
from tests.harness.ledger import REASON, actor, agent
from tests.harness.plans import asking_functions, pretend_to_be_large, read_plan, recorded
from tests.harness.simulated_zype import SimulatedZype

SIZE = Size(ledger=2000, sessions=400, outbox=400)
VIEWER = viewer_id(7919)
LIMITS, MANY = (parse("1/15minutes"),), (parse("100/15minutes"),)
TV = {"linked_device_id": "tv", "number": 1}
DAY = date(2026, 11, 24)
ROOMS = ("database", "ledger", "linking", "mail", "viewers")
# Of the files that ask a database, those whose statements no page and no mailer executes, or that have few rows.
NOT_OF_PAGES = {
    "database/backlog": "The sampler's: it counts what waits, every ten seconds.",
    "database/database": "It executes what the others ask.",
    "database/engine": "It sets up connections.",
    "database/statements": "It executes what the others ask.",
    "database/batches": "It marks places in a transaction.",
    "database/units_of_work": "It begins transactions.",
    "database/schema": "One row.",
    "ledger/archivable": "The command audit archive.",
    "ledger/archive_records": "The command audit archive.",
    "ledger/archiving": "The command audit archive.",
    "ledger/archive_verification": "The command audit verify.",
    "ledger/removal": "The command audit archive.",
    "ledger/verification": "The command audit verify reads all.",
    "viewers/erasure": "The command viewers forget.",
}
COMMANDS = {
    "mail/outbox: Outbox.backlog": "The sampler's: it counts what waits, every ten seconds.",
    "database/sessions: Sessions.end_everybodys": "The command sessions end.",
    "ledger/ledger: Ledger._without_outcome": "The command audit resolve.",
}
# What sorts, and why that stays small.
SORTS = {
    "ledger/history: History.device_ids": "The TVs of one viewer.",
    "ledger/history: History.links": "The TVs of one viewer.",
    "ledger/history: History.is_undone": "One TV of one viewer.",
    "ledger/history: History.decisive_entries": "The rows of one PIN of one viewer.",
    "ledger/earlier_attempts: _repeated": "The rows of one PIN of one viewer.",
    "ledger/history: History.outcome": "The rows of one attempt.",
    "ledger/history: History.has_looked_up": "What one agent looked up within half an hour.",
    "ledger/history: History.has_signed_in": "The sign-ins of the last minute.",
    "ledger/history: History.reports": "The last day's reports of one viewer.",
    "mail/addresses: Addresses.find": "The sessions of one viewer, of which there are twenty.",
    "database/sessions: Sessions._end_oldest": "The sessions of one principal, of which there are twenty.",
    "database/authorizations: _drop_oldest": "The authorizations of one browser within an hour.",
}
# As many as are under way, or have crashed.
OF_PENDING = "FROM pending JOIN"
# What is walked from an end of it, and where that stops.
WALKS = {
    "ix_ledger_began": "The history without a filter stops when the page is full.",
    "ix_ledger_agent": "From the first agent to the next.",
    "ix_ledger_of_agent": "From the first agent to the next.",
    "pk_ledger": "The newest row alone.",
}


@pytest.fixture
def environ(environ: dict[str, str], any_database_url: str) -> dict[str, str]:
    """A portal on either database, which writes mails."""
    return environ | {"PORTAL_DATABASE_URL": any_database_url, "PORTAL_SMTP_URL": "smtp://localhost"}


def test_every_statement_has_a_plan_that_does_not_grow(
    make_services: MakeServices, sandbox: SimulatedZype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.database.sessions.SEEN_EVERY", timedelta(0))
    services = make_services(mail_from="portal@example.com")
    database = services.database
    with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        grow(connection, SIZE)
        connection.execute(tv_numbers.insert(), [{**TV, "consumer_id": viewer_id(n)} for n in range(100)])
    with recorded(database) as statements:
        _serve(services, sandbox)
        _send(services)
        _show(services)

    with database.read() as connection:
        if not database.is_sqlite:
            pretend_to_be_large(connection)
        found = {
            (fault, statement)
            for statement, (values, functions) in statements.asked.items()
            if not functions & COMMANDS.keys()
            for fault in read_plan(connection, statement, values)
            if not _is_bounded(fault, statement, functions)
        }
    assert found == set()
    asking = {name for name in asking_functions(ROOMS) if name.partition(":")[0] not in NOT_OF_PAGES}
    assert asking - COMMANDS.keys() - statements.functions == set(), "nothing here asks these"


def _is_bounded(fault: str, statement: str, functions: frozenset[str]) -> bool:
    if "TEMP B-TREE" in fault or fault.startswith("Sort"):
        return bool(functions & SORTS.keys()) or OF_PENDING in statement
    return OF_PENDING not in statement and any(fault.endswith(index) for index in WALKS)


def _serve(services: Services, sandbox: SimulatedZype) -> None:
    """Do what viewers and agents do: sign in and out, link, unlink, report, and be slowed."""
    alice, bob = actor(ALICE.id), agent()
    sessions, ledger = services.sessions, services.ledger
    session = sessions.create(SessionKind.VIEWER, VIEWER, name=None, email=None, address="192.0.2.1")
    for _ in range(MAX_SESSIONS):
        sessions.create(SessionKind.VIEWER, VIEWER, name=None, email=None, address="192.0.2.1")
    found = sessions.create(SessionKind.VIEWER, VIEWER, name=None, email=None, address="192.0.2.1")
    sessions.find(found)
    sessions.last_principal(SessionKind.VIEWER, session)
    sessions.end(session)
    services.sign_out.viewer(VIEWER, bob)
    for number in range(MAX_PER_BROWSER + 1):
        state = {"browser": "b", "address": "2001:db8::1", "next_path": "/", "content": {}}
        services.authorizations.begin(AuthorizationKind.VIEWER, f"s{number}", **state, limits=LIMITS)
    services.authorizations.take(AuthorizationKind.VIEWER, f"s{number}", "b")
    services.authorizations.finish(AuthorizationKind.VIEWER, f"s{number}")
    services.used_tokens.use("token")
    for who in (alice, bob):
        tv = sandbox.tv()
        services.linking.link("used7", ALICE.id, who, REASON)
        services.linking.link("used7", ALICE.id, who, REASON)
        for _ in range(2):
            services.linking.link("refused7", ALICE.id, who, REASON)
        services.linking.link("no PIN!", ALICE.id, who, REASON)
        result = services.linking.link(tv.pin, ALICE.id, who, REASON)
        services.unlinking.recent_link(result.attempt_id, ALICE.id)
        services.directory.tvs(ALICE.id)
        services.reports.report_link(result.attempt_id, ALICE.id, who)
    services.preferences.set_language(VIEWER, "ja")
    services.preferences.language(VIEWER)
    services.preferences.tv_names(VIEWER)
    services.preferences.name_tv(ALICE.id, "tv", "Kitchen")
    services.preferences.name_tv(ALICE.id, "tv", "")
    services.password_mails.send(ALICE.email, ALICE.id, bob, REASON)
    subject = Limit(("subject_hash",), LIMITS)
    for outcome in (SignInOutcome.WRONG, SignInOutcome.WRONG, SignInOutcome.SIGNED_IN):
        tried = Attempt(Action.SIGN_IN, alice, subject_hash="5" * 64)
        ledger.begin(tried, address_limits(MANY, Counts.GUESSES_AND_BUSY), slow_past=subject)
        ledger.finish(tried, outcome)
    for _ in range(3):
        ledger.begin(replace(tried, id=secrets.token_hex(16)), (subject,))
    successes = (Limit(("subject_hash", "address_hash"), LIMITS, counts=Counts.SUCCESSES),)
    ledger.begin(replace(tried, id=secrets.token_hex(16)), successes)


def _send(services: Services) -> None:
    """Do what the mailer does, with a notice of an attempt of which nobody knows what became of it."""
    outbox, unknown = Outbox(services.database), UnknownAttempts(services.database)
    unknown.queue_crashed()
    outbox.delete_old()
    notice = outbox.claim()
    assert notice is not None
    unknown.is_settled(replace(notice, kind=NoticeKind.LINK_BY_AGENT_UNKNOWN))
    with_app_key_alone = services.settings.model_copy(update={"zype_api_key": None})
    Addresses(with_app_key_alone, services.database, services.zype).find(VIEWER)
    outbox.retry_later(notice)
    outbox.mark_failed(notice)
    outbox.mark_settled(notice)
    outbox.mark_sent(notice)


def _show(services: Services) -> None:
    """Show what pages show, with each filter of the history alone and with the days."""
    history, bob = services.history, agent()
    services.directory.find(ALICE.id, bob)
    services.directory.reopen(ALICE.id, bob)
    services.directory.tvs(ALICE.id)
    history.device_ids(VIEWER, 10)
    history.links(VIEWER, ["tv"])
    history.has_signed_in(["a" * 64], timedelta(minutes=1))
    history.activity(VIEWER, 10)
    services.budgets.near_limit()
    filters = ({}, {"viewer": VIEWER}, {"agent": "agent-1"}, {"outcome": "refused"}, {"outcome": "none"})
    for chosen in filters:
        for days in ({}, {"since": DAY, "until": DAY}):
            for before in (None, 999):
                history.page(AttemptFilter(**chosen, **days), before)
            list(history.all(AttemptFilter(**chosen, **days)))
    history.without_outcome(timedelta(minutes=1))
