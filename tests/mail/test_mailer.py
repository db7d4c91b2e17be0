"""From the outbox to a real mail server: once, whatever fails, and without an address in the log."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa
import time_machine
from prometheus_client import REGISTRY

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, UnlinkOutcome
from portal.mail import mailer as mailer_module
from portal.mail.outbox import CLAIM_DURATION, NoticeState, Outbox
from portal.sandbox import seed
from portal.sandbox.state import EXTENSION
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.viewers.preferences import ViewerPreferences
from tests.harness.internals import logged
from tests.harness.mail_servers import MailServer
from tests.harness.servers import free_port
from tests.harness.simulated_zype import SimulatedZype
from tests.harness.timing import wait_until
from tests.mail.conftest import Attempts, MakeMailer, send_due


@pytest.fixture
def attempts(sqlite: Database) -> Attempts:
    return Attempts(sqlite)


@pytest.fixture
def set_email(sandbox: SimulatedZype, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that changes Alice's email at Zype for this test."""
    store = sandbox.app.extensions[EXTENSION].store

    def set_email(email: str) -> None:
        monkeypatch.setattr(store, "_by_id", {seed.ALICE.id: replace(seed.ALICE, email=email)})

    return set_email


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("portal_notices_total", {"result": result}) or 0.0


def test_it_goes_to_the_address_at_zype_in_the_viewers_language(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    preferences = ViewerPreferences(attempts.database)
    preferences.set_language(seed.ALICE.id, "fr")
    preferences.name_tv(seed.ALICE.id, "tv-1", "Salon")
    attempt_id = attempts.finish()
    before = counted("sent")
    with logged() as events:
        send_due(make_mailer(attempts.database, mail_server.url))
    assert mail_server.recipients == ["alice@example.com"]
    [mail] = mail_server.messages
    assert mail["Message-ID"] == f"<{attempt_id}@example.com>"
    assert mail["Content-Language"] == "fr"
    assert "Salon" in mail.get_content()
    assert attempts.states() == [NoticeState.SENT]
    assert [event["event"] for event in events] == ["notice_sent"]
    assert counted("sent") == before + 1
    send_due(make_mailer(attempts.database, mail_server.url))
    assert len(mail_server.accepted) == 1


def test_four_mailers_send_each_notice_once(
    any_database_url: str, database: Database, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    attempts = Attempts(database)
    ids = [attempts.finish() for _ in range(20)]
    # Each on connections of its own, as processes have them.
    databases = [Database(any_database_url, connections=1) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send_due, [make_mailer(each, mail_server.url) for each in databases]))
    for each in databases:
        each.dispose()
    assert Counter(mail["Message-ID"] for mail in mail_server.messages) == {f"<{id}@example.com>": 1 for id in ids}
    assert attempts.states() == [NoticeState.SENT] * 20


def test_a_server_that_was_down_gets_the_message_once(attempts: Attempts, make_mailer: MakeMailer) -> None:
    server = MailServer(port=free_port())
    mailer = make_mailer(attempts.database, server.url)
    attempts.finish()
    before = counted("delayed")
    with logged() as events:
        send_due(mailer)
    assert (events[0]["event"], events[0]["why"]) == ("notice_delayed", "ConnectionRefusedError")
    assert counted("delayed") == before + 1
    with server.serve_in_thread():
        send_due(mailer)
        assert server.accepted == [], "it is not due yet"
        attempts.make_due()
        send_due(mailer)
        attempts.make_due()
        send_due(mailer)
    assert len(server.accepted) == 1
    assert attempts.states() == [NoticeState.SENT]


def test_a_server_that_hangs_does_not_delay_a_link(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    mail_server.hangs = True
    attempts.finish()
    thread = threading.Thread(target=send_due, args=[make_mailer(attempts.database, mail_server.url, seconds=20)])
    thread.start()
    assert mail_server.rcpt_received.wait(10)
    for _ in range(10):
        attempts.finish(ActorKind.VIEWER)
    assert thread.is_alive(), "the links did not wait for the mail server"
    mail_server.hangs = False
    thread.join(10)
    assert attempts.states() == [NoticeState.SENT] * 2


def test_a_refused_recipient_fails_once_and_the_others_get_their_message(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    mail_server.refused["alice@example.com"] = "550 5.1.1 alice@example.com: no such mailbox"
    mailer = make_mailer(attempts.database, mail_server.url)
    attempts.finish()
    attempts.finish(consumer_id=seed.MALLORY.id)
    before = counted("failed")
    with logged() as events:
        send_due(mailer)
        attempts.make_due()
        send_due(mailer)
    assert mail_server.recipients == ["mallory@example.com"]
    assert {row["consumer_id"]: row["state"] for row in attempts.notices()} == {
        seed.ALICE.id: NoticeState.FAILED,
        seed.MALLORY.id: NoticeState.SENT,
    }
    assert counted("failed") == before + 1
    [failed] = [event for event in events if event["event"] == "notice_failed"]
    assert (failed["why"], failed["log_level"]) == ("SMTPRecipientsRefused 550 5.1.1", "error")


def test_a_notice_that_could_not_be_sent_for_a_day_fails_once(attempts: Attempts, make_mailer: MakeMailer) -> None:
    mailer = make_mailer(attempts.database, f"smtp://127.0.0.1:{free_port()}")
    attempts.finish()
    at = attempts.notices()[0]["at"]
    with logged() as events, time_machine.travel(at, tick=False) as clock:
        for _ in range(40):
            clock.move_to(attempts.notices()[0]["due_at"])
            send_due(mailer)
            if attempts.states() == [NoticeState.FAILED]:
                break
        failed_after = attempts.notices()[0]["due_at"] - at
    assert attempts.states() == [NoticeState.FAILED]
    assert timedelta(hours=24) <= failed_after < timedelta(hours=25, minutes=10)
    assert [event["event"] for event in events].count("notice_failed") == 1
    assert events[-1]["event"] == "notice_failed"


def test_a_mailer_that_crashes_before_sending_loses_no_notice(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    attempts.finish()
    assert Outbox(attempts.database).claim(), "by the mailer that crashes"
    mailer = make_mailer(attempts.database, mail_server.url)
    send_due(mailer)
    assert mail_server.accepted == []
    with time_machine.travel(attempts.notices()[0]["at"] + CLAIM_DURATION + timedelta(seconds=5)):
        send_due(mailer)
        send_due(mailer)
    assert len(mail_server.accepted) == 1
    assert attempts.states() == [NoticeState.SENT]


def test_a_mailer_that_crashes_after_sending_leads_to_the_same_message_again(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    attempts.finish()
    mailer = make_mailer(attempts.database, mail_server.url)
    claimed = Outbox(attempts.database).claim()
    assert claimed
    mailer._send(claimed)
    attempts.make_due()
    send_due(mailer)
    first, second = mail_server.messages
    assert first["Message-ID"] == second["Message-ID"], "so mail programs show one"
    assert first.get_content() == second.get_content()


def test_old_notices_are_deleted(attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer) -> None:
    attempts.finish()
    send_due(make_mailer(attempts.database, mail_server.url))
    with time_machine.travel(attempts.notices()[0]["at"] + timedelta(days=91)):
        send_due(make_mailer(attempts.database, mail_server.url))
    assert attempts.notices() == []


@pytest.mark.parametrize(
    "email",
    ["", "alice", "alice@example.com\r\nBcc: mallory@example.com", "alice@example.com,mallory@example.com", "@"],
)
def test_an_invalid_address_fails_at_once_and_nothing_is_sent(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer, set_email: Callable[[str], None], email: str
) -> None:
    set_email(email)
    attempts.finish()
    with logged() as events:
        send_due(make_mailer(attempts.database, mail_server.url))
    assert attempts.states() == [NoticeState.FAILED]
    assert mail_server.accepted == []
    assert "alice" not in str(events)


def test_a_viewer_unknown_to_zype_gets_no_message(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    attempts.finish(consumer_id="0" * 23 + "g")
    attempts.finish(consumer_id="../" * 3000)
    send_due(make_mailer(attempts.database, mail_server.url))
    assert attempts.states() == [NoticeState.FAILED] * 2


@pytest.mark.parametrize("fault", ["down", "refused"])
def test_a_notice_waits_while_zype_does_not_give_the_address(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer, mail_settings: Settings, fault: str
) -> None:
    broken = {
        "down": {"zype_api_url": f"http://127.0.0.1:{free_port()}"},
        "refused": {"zype_api_key": "another-key"},
    }[fault]
    given = {"PORTAL_ZYPE_API_URL": mail_settings.zype_api_url, "PORTAL_MAIL_FROM": "support@example.com"}
    settings = load(given | {f"PORTAL_{name.upper()}": value for name, value in broken.items()})
    attempts.finish()
    with logged() as events:
        send_due(make_mailer(attempts.database, mail_server.url, settings))
    assert attempts.states() == [NoticeState.WAITING]
    assert [event["event"] for event in events][-1] == "notice_delayed"
    attempts.make_due()
    send_due(make_mailer(attempts.database, mail_server.url))
    assert attempts.states() == [NoticeState.SENT]


def test_a_fault_in_the_operators_template_delays_only_that_kind_of_notice(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer, mail_settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "brand" / "templates" / "mail"
    folder.mkdir(parents=True)
    (folder / "linked_by_agent.txt").write_text("{{ consumer.email }}")
    own = {"PORTAL_ZYPE_API_URL": mail_settings.zype_api_url, "PORTAL_OVERRIDES_DIR": str(tmp_path / "brand")}
    attempts.finish()
    attempts.finish(ActorKind.AGENT, UnlinkOutcome.UNLINKED, action=Action.UNLINK)
    with logged() as events:
        send_due(make_mailer(attempts.database, mail_server.url, load(own)))
    assert sorted(attempts.states()) == [NoticeState.SENT, NoticeState.WAITING]
    assert {event["event"]: event.get("why") for event in events}["notice_delayed"] == "UndefinedError"


EMAIL = "a1ice.4711@example.com"


def test_no_address_is_logged_whatever_goes_wrong(
    attempts: Attempts,
    make_mailer: MakeMailer,
    mail_server: MailServer,
    set_email: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG", logger="portal")
    set_email(EMAIL)
    mailer = make_mailer(attempts.database, mail_server.url, seconds=0.5)
    with logged() as events:
        for answer in ("550 no {}", "450 later {}", "421 {}"):
            mail_server.refused[EMAIL] = answer.format(EMAIL)
            attempts.finish()
            send_due(mailer)
        mail_server.refused.clear()
        for refusal in (f"554 {EMAIL} is full", f"451 {EMAIL} is busy"):
            mail_server.data_refusal = refusal
            attempts.finish()
            send_due(mailer)
        mail_server.data_refusal = None
        mail_server.hangs = True
        attempts.finish()
        send_due(mailer)
        mail_server.hangs = False
        set_email(f"{EMAIL}, {EMAIL}")
        attempts.finish()
        send_due(mailer)
        set_email(EMAIL)
        attempts.finish()
        send_due(mailer)
    output = (
        str(events) + "".join(r.getMessage() for r in caplog.records if r.name != "mail.log") + str(capfd.readouterr())
    )
    assert EMAIL.partition("@")[0] not in output
    assert mail_server.recipients[-1] == EMAIL, "the address was really used"
    assert {event["event"] for event in events} == {"notice_sent", "notice_delayed", "notice_failed"}
    assert len(events) == 8


@pytest.fixture
def running_mailer(
    attempts: Attempts, make_mailer: MakeMailer, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[threading.Thread, Event]]:
    """A mailer that polls every 20 ms, in a thread, and the event that stops it."""
    monkeypatch.setattr(mailer_module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(mailer_module, "ERROR_PAUSE_SECONDS", 0.05)
    stop = Event()
    thread = threading.Thread(target=make_mailer(attempts.database, mail_server.url, seconds=20).run, args=[stop])
    thread.start()
    yield thread, stop
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def wait_until_sent(attempts: Attempts, count: int) -> None:
    wait_until(lambda: attempts.states().count(NoticeState.SENT) == count, f"{count} mails are sent")


@pytest.mark.usefixtures("running_mailer")
def test_a_running_mailer_sends_what_comes_due(attempts: Attempts) -> None:
    attempts.finish()
    wait_until_sent(attempts, 1)
    attempts.finish()
    wait_until_sent(attempts, 2)


@pytest.mark.usefixtures("running_mailer")
def test_a_running_mailer_survives_a_database_error(attempts: Attempts) -> None:
    with logged() as events:
        rename(attempts.database, "outbox", "lost")
        wait_until(lambda: events, "something is logged")
        rename(attempts.database, "lost", "outbox")
        attempts.finish()
        wait_until_sent(attempts, 1)
    assert events[0]["event"] == "outbox_failed"
    assert "no such table" in events[0]["why"]


def rename(database: Database, table: str, name: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text(f"ALTER TABLE {table} RENAME TO {name}"))


def test_a_mailer_stops_although_the_server_hangs(
    attempts: Attempts,
    running_mailer: tuple[threading.Thread, Event],
    mail_server: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mailer_module.GRACE_SECONDS < 2
    monkeypatch.setattr(mailer_module, "GRACE_SECONDS", 0.1)
    mail_server.hangs = True
    attempts.finish()
    assert mail_server.rcpt_received.wait(10)
    thread, stop = running_mailer
    stop.set()
    thread.join(10)
    assert not thread.is_alive(), "the server still hangs"
    assert attempts.states() == [NoticeState.WAITING]
