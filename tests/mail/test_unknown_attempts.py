"""A viewer hears of an agent's attempt that ended unknown, unless what became of it is found out in time."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, Outcome, UnlinkOutcome
from portal.ledger.tables import pending
from portal.mail.outbox import NoticeKind, NoticeState, Outbox, outbox
from portal.mail.unknown_attempts import UnknownAttempts
from portal.sandbox import seed
from tests.harness.mail_servers import MailServer
from tests.mail.conftest import Attempts, MakeMailer, send_due

VIEWER, AGENT = ActorKind.VIEWER, ActorKind.AGENT
HOUR = timedelta(hours=1)


@pytest.fixture
def attempts(database: Database) -> Attempts:
    return Attempts(database)


def kinds(attempts: Attempts) -> list[str]:
    return [row["kind"] for row in attempts.notices()]


def make_older(attempts: Attempts, by: timedelta) -> None:
    """Make the attempts that have no outcome older."""
    with attempts.database.write() as connection:
        for attempt_id, at in connection.execute(sa.select(pending.c.attempt_id, pending.c.at)).all():
            connection.execute(pending.update().where(pending.c.attempt_id == attempt_id).values(at=at - by))


def test_an_agents_unknown_is_a_notice_that_is_due_after_an_hour(sqlite: Database) -> None:
    attempts = Attempts(sqlite)
    attempts.finish(VIEWER, Outcome.UNKNOWN)
    attempts.finish(AGENT, "unknown", action=Action.LOOK_UP)
    assert attempts.notices() == []
    attempts.finish(AGENT, Outcome.UNKNOWN)
    for action in (Action.UNLINK, Action.UNDO):
        attempts.finish(AGENT, UnlinkOutcome.UNKNOWN, action=action)
    unlink = NoticeKind.UNLINK_BY_AGENT_UNKNOWN
    assert kinds(attempts) == [NoticeKind.LINK_BY_AGENT_UNKNOWN, unlink, unlink]
    assert {row["due_at"] - row["at"] for row in attempts.notices()} == {HOUR}


def test_the_viewer_is_told_if_nobody_looked_into_it(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    attempt_id = attempts.finish(AGENT, Outcome.UNKNOWN)
    attempts.finish(AGENT, Outcome.NOT_FOUND, device="tv-2")
    attempts.finish(AGENT, Outcome.NOT_FOUND, consumer_id=seed.MALLORY.id)
    attempts.finish(AGENT, Outcome.UNAVAILABLE)
    mailer = make_mailer(attempts.database, mail_server.url)
    send_due(mailer)
    assert mail_server.accepted == []
    attempts.make_due()
    send_due(mailer)
    assert attempts.states() == [NoticeState.SENT]
    [mail] = mail_server.messages
    assert mail["Subject"] == "Zype Activate: our support team tried to link a TV to your account"
    assert mail["Message-ID"] == f"<{attempt_id}.unknown@example.com>"


@pytest.mark.parametrize(
    ("action", "later"),
    [
        (Action.LINK, {"kind": AGENT, "outcome": Outcome.LINKED}),
        (Action.LINK, {"kind": VIEWER, "outcome": Outcome.NOT_FOUND}),
        (Action.LINK, {"kind": AGENT, "outcome": UnlinkOutcome.UNLINKED, "action": Action.UNLINK}),
        (Action.UNLINK, {"kind": AGENT, "outcome": UnlinkOutcome.GONE, "action": Action.UNLINK}),
        (Action.UNDO, {"kind": VIEWER, "outcome": UnlinkOutcome.UNLINKED, "action": Action.UNLINK}),
        # Which has a notice of its own.
        (Action.LINK, {"kind": AGENT, "outcome": Outcome.UNKNOWN}),
    ],
)
def test_the_viewer_is_not_told_if_it_was_found_out(
    sqlite: Database, make_mailer: MakeMailer, mail_server: MailServer, action: Action, later: dict[str, str]
) -> None:
    attempts = Attempts(sqlite)
    attempt_id = attempts.finish(AGENT, Outcome.UNKNOWN, action=action)
    attempts.finish(**later)  # type: ignore[arg-type]
    attempts.make_due()
    send_due(make_mailer(sqlite, mail_server.url))
    states = {row["attempt_id"]: row["state"] for row in attempts.notices()}
    assert states.pop(attempt_id) == NoticeState.SETTLED
    assert [*states.values()] == [NoticeState.SENT] * len(mail_server.accepted)


def test_a_crashed_attempt_is_one_that_nobody_knows_of(attempts: Attempts) -> None:
    unknown = UnknownAttempts(attempts.database)
    link, unlink = attempts.begin(), attempts.begin(action=Action.UNLINK)
    for kind, action in ((VIEWER, Action.LINK), (AGENT, Action.LOOK_UP)):
        attempts.begin(kind, action)
    make_older(attempts, HOUR - timedelta(minutes=1))
    unknown.queue_crashed()
    assert attempts.notices() == []
    make_older(attempts, timedelta(minutes=2))
    for _ in range(2):
        unknown.queue_crashed()
    assert {row["attempt_id"]: row["kind"] for row in attempts.notices()} == {
        link.id: NoticeKind.LINK_BY_AGENT_UNKNOWN,
        unlink.id: NoticeKind.UNLINK_BY_AGENT_UNKNOWN,
    }
    with attempts.database.write() as connection:
        assert all(row["due_at"] <= attempts.database.now(connection) for row in attempts.notices())
        connection.execute(outbox.delete())
    make_older(attempts, timedelta(days=7))
    unknown.queue_crashed()
    assert attempts.notices() == [], "not again, once its notice was deleted"


def test_an_attempt_that_is_resolved_has_the_notice_of_what_became_of_it(
    sqlite: Database, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    attempts = Attempts(sqlite)
    link, lost = attempts.begin(), attempts.begin(device="tv-2")
    make_older(attempts, 2 * HOUR)
    attempts.ledger.resolve(lost.id, Outcome.NOT_FOUND)
    mailer = make_mailer(attempts.database, mail_server.url)
    send_due(mailer)
    attempts.ledger.resolve(link.id, Outcome.LINKED)
    send_due(mailer)
    assert [(row["kind"], row["state"]) for row in attempts.notices()] == [
        (NoticeKind.LINKED_BY_AGENT, NoticeState.SENT),
    ]
    ids = [mail["Message-ID"] for mail in mail_server.messages]
    assert ids == [f"<{link.id}.unknown@example.com>", f"<{link.id}@example.com>"]


def test_a_notice_that_was_replaced_while_it_was_sent_does_not_count_as_the_new_one(sqlite: Database) -> None:
    attempts = Attempts(sqlite)
    link, box = attempts.begin(), Outbox(attempts.database)
    make_older(attempts, 2 * HOUR)
    UnknownAttempts(attempts.database).queue_crashed()
    slow = box.claim()
    assert slow
    attempts.ledger.resolve(link.id, Outcome.LINKED)
    assert not box.mark_sent(slow)
    [row] = attempts.notices()
    assert (row["kind"], row["state"]) == (NoticeKind.LINKED_BY_AGENT, NoticeState.WAITING)
