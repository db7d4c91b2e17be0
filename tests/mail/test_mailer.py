"""From the outbox to a real mail server: once, however the server, Zype or a mailer fails, and nothing in the log."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from types import MappingProxyType

import pytest
import sqlalchemy as sa
import time_machine
from prometheus_client import REGISTRY

from portal.database.database import Database
from portal.domain.actors import ActorKind
from portal.domain.outcomes import Action, UnlinkOutcome
from portal.mail import mailer as mailer_module
from portal.mail.outbox import CLAIM, MailState, Outbox
from portal.sandbox import seed
from portal.sandbox.state import EXTENSION
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.viewers.records import ViewerRecords
from tests.harness.inside import logged
from tests.harness.mail_servers import MailServer
from tests.harness.servers import free_port
from tests.harness.simulated_zype import SimulatedZype
from tests.mail.conftest import Deeds, MakeMailer, sends


@pytest.fixture
def deeds(sqlite: Database) -> Deeds:
    return Deeds(sqlite)


def give_email(sandbox: SimulatedZype, email: str) -> None:
    """Change Alice's e-mail at Zype."""
    store = sandbox.app.extensions[EXTENSION].store
    store._by_id = MappingProxyType({seed.ALICE.id: replace(seed.ALICE, email=email)})


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("portal_notices_total", {"result": result}) or 0.0


def test_it_goes_to_the_address_that_zype_has_in_the_viewers_language(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    records = ViewerRecords(deeds.database)
    records.remember_language(seed.ALICE.id, "fr")
    records.name_tv(seed.ALICE.id, "tv-1", "Salon")
    attempt_id = deeds.links()
    before = counted("sent")
    with logged() as events:
        sends(make_mailer(deeds.database, mail_server.url))
    assert mail_server.recipients == ["alice@example.com"]
    [mail] = mail_server.mails
    assert mail["Message-ID"] == f"<{attempt_id}@example.com>"
    assert mail["Content-Language"] == "fr"
    assert "Salon" in mail.get_content()
    assert deeds.states() == [MailState.SENT]
    assert [event["event"] for event in events] == ["notice_sent"]
    assert counted("sent") == before + 1
    sends(make_mailer(deeds.database, mail_server.url))
    assert len(mail_server.taken) == 1


def test_fifty_mails_go_out_once_each_though_four_mailers_work_on_them(
    any_database_url: str, database: Database, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    deeds = Deeds(database)
    ids = [deeds.links() for _ in range(50)]
    # Each on connections of its own, as processes have them.
    databases = [Database(any_database_url, connections=1) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sends, [make_mailer(each, mail_server.url) for each in databases]))
    for each in databases:
        each.dispose()
    assert Counter(mail["Message-ID"] for mail in mail_server.mails) == {f"<{id}@example.com>": 1 for id in ids}
    assert deeds.states() == [MailState.SENT] * 50


def test_a_server_that_is_down_gets_the_mail_when_it_is_back_once(deeds: Deeds, make_mailer: MakeMailer) -> None:
    server = MailServer(port=free_port())
    mailer = make_mailer(deeds.database, server.url)
    deeds.links()
    before = counted("delayed")
    with logged() as events:
        sends(mailer)
    assert (events[0]["event"], events[0]["why"]) == ("notice_delayed", "ConnectionRefusedError")
    assert counted("delayed") == before + 1
    with server.running():
        sends(mailer)
        assert server.taken == [], "it is not due again yet"
        deeds.makes_due()
        sends(mailer)
        deeds.makes_due()
        sends(mailer)
    assert len(server.taken) == 1
    assert deeds.states() == [MailState.SENT]


def test_a_server_that_hangs_holds_up_neither_the_next_mail_nor_a_link(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    mail_server.hanging = True
    mailer = make_mailer(deeds.database, mail_server.url, seconds=0.7)
    deeds.links()
    thread = threading.Thread(target=sends, args=[mailer])
    thread.start()
    started = time.monotonic()
    for _ in range(10):
        deeds.links(ActorKind.VIEWER)
    assert time.monotonic() - started < 0.5
    assert thread.is_alive(), "the server is not hanging any more"
    thread.join(10)
    mail_server.hanging = False
    deeds.makes_due()
    sends(mailer)
    assert deeds.states() == [MailState.SENT] * 2


def test_a_refused_recipient_is_marked_once_and_the_others_get_their_mail(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    mail_server.refused["alice@example.com"] = "550 5.1.1 alice@example.com: no such mailbox"
    mailer = make_mailer(deeds.database, mail_server.url)
    deeds.links()
    deeds.links(consumer_id=seed.MALLORY.id)
    before = counted("failed")
    with logged() as events:
        sends(mailer)
        deeds.makes_due()
        sends(mailer)
    assert mail_server.recipients == ["mallory@example.com"]
    assert {row["consumer_id"]: row["state"] for row in deeds.mails()} == {
        seed.ALICE.id: MailState.FAILED,
        seed.MALLORY.id: MailState.SENT,
    }
    assert counted("failed") == before + 1
    [failed] = [event for event in events if event["event"] == "notice_failed"]
    assert (failed["why"], failed["log_level"]) == ("SMTPRecipientsRefused 550", "error")


def test_a_mail_that_nobody_took_for_a_day_is_given_up_once(deeds: Deeds, make_mailer: MakeMailer) -> None:
    mailer = make_mailer(deeds.database, f"smtp://127.0.0.1:{free_port()}")
    deeds.links()
    at = deeds.mails()[0]["at"]
    with logged() as events, time_machine.travel(at, tick=False) as clock:
        for _ in range(40):
            clock.move_to(deeds.mails()[0]["due_at"])
            sends(mailer)
            if deeds.states() == [MailState.FAILED]:
                break
        given_up = deeds.mails()[0]["due_at"] - at
    assert deeds.states() == [MailState.FAILED]
    assert timedelta(hours=24) <= given_up < timedelta(hours=25, minutes=10)
    assert [event["event"] for event in events].count("notice_failed") == 1
    assert events[-1]["event"] == "notice_failed"


def test_a_mailer_that_crashes_before_it_sends_loses_no_mail(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    deeds.links()
    assert Outbox(deeds.database).claim(), "the one that crashes has it"
    mailer = make_mailer(deeds.database, mail_server.url)
    sends(mailer)
    assert mail_server.taken == []
    with time_machine.travel(deeds.mails()[0]["at"] + CLAIM + timedelta(seconds=5)):
        sends(mailer)
        sends(mailer)
    assert len(mail_server.taken) == 1
    assert deeds.states() == [MailState.SENT]


def test_a_mailer_that_crashes_after_it_sent_sends_the_same_mail_again(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    deeds.links()
    mailer = make_mailer(deeds.database, mail_server.url)
    claimed = Outbox(deeds.database).claim()
    assert claimed
    mailer._send(claimed)
    deeds.makes_due()
    sends(mailer)
    first, second = mail_server.mails
    assert first["Message-ID"] == second["Message-ID"], "mail programs show the two as one"
    assert first.get_content() == second.get_content()


@pytest.mark.parametrize(
    "email",
    ["", "alice", "alice@example.com\r\nBcc: mallory@example.com", "alice@example.com,mallory@example.com", "@"],
)
def test_an_address_that_is_none_fails_at_once_and_reaches_nobody(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer, sandbox: SimulatedZype, email: str
) -> None:
    give_email(sandbox, email)
    deeds.links()
    with logged() as events:
        sends(make_mailer(deeds.database, mail_server.url))
    assert deeds.states() == [MailState.FAILED]
    assert mail_server.taken == []
    assert "alice" not in str(events)


def test_a_viewer_whom_zype_does_not_know_any_more_gets_no_mail(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer
) -> None:
    deeds.links(consumer_id="0" * 23 + "g")
    deeds.links(consumer_id="../" * 3000)
    sends(make_mailer(deeds.database, mail_server.url))
    assert deeds.states() == [MailState.FAILED] * 2


@pytest.mark.parametrize("fault", ["down", "refused"])
def test_while_zype_does_not_tell_the_address_the_mail_waits(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer, mail_settings: Settings, fault: str
) -> None:
    broken = {
        "down": {"zype_api_url": f"http://127.0.0.1:{free_port()}"},
        "refused": {"zype_api_key": "another-key"},
    }[fault]
    given = {"PORTAL_ZYPE_API_URL": mail_settings.zype_api_url, "PORTAL_MAIL_FROM": "support@example.com"}
    settings = load(given | {f"PORTAL_{name.upper()}": value for name, value in broken.items()})
    deeds.links()
    with logged() as events:
        sends(make_mailer(deeds.database, mail_server.url, settings))
    assert deeds.states() == [MailState.WAITING]
    assert [event["event"] for event in events][-1] == "notice_delayed"
    deeds.makes_due()
    sends(make_mailer(deeds.database, mail_server.url))
    assert deeds.states() == [MailState.SENT]


def test_a_fault_in_a_template_of_the_operators_own_delays_that_kind_of_mail_alone(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer, mail_settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "brand" / "templates" / "mail"
    folder.mkdir(parents=True)
    (folder / "linked_by_agent.txt").write_text("{{ consumer.email }}")
    own = {"PORTAL_ZYPE_API_URL": mail_settings.zype_api_url, "PORTAL_OVERRIDES_DIR": str(tmp_path / "brand")}
    deeds.links()
    deeds.links(ActorKind.AGENT, UnlinkOutcome.UNLINKED, action=Action.UNLINK)
    with logged() as events:
        sends(make_mailer(deeds.database, mail_server.url, load(own)))
    assert sorted(deeds.states()) == [MailState.SENT, MailState.WAITING]
    assert {event["event"]: event.get("why") for event in events}["notice_delayed"] == "UndefinedError"


ADDRESS = "a1ice.4711@example.com"


def test_no_address_stands_in_the_log_whatever_goes_wrong(
    deeds: Deeds,
    make_mailer: MakeMailer,
    mail_server: MailServer,
    sandbox: SimulatedZype,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG", logger="portal")
    give_email(sandbox, ADDRESS)
    mailer = make_mailer(deeds.database, mail_server.url, seconds=0.5)
    with logged() as events:
        for answer in ("550 no {}", "450 later {}", "421 {}"):
            mail_server.refused[ADDRESS] = answer.format(ADDRESS)
            deeds.links()
            sends(mailer)
        mail_server.refused.clear()
        for at_the_end in (f"554 {ADDRESS} is full", f"451 {ADDRESS} is busy"):
            mail_server.at_the_end = at_the_end
            deeds.links()
            sends(mailer)
        mail_server.at_the_end = None
        mail_server.hanging = True
        deeds.links()
        sends(mailer)
        mail_server.hanging = False
        give_email(sandbox, f"{ADDRESS}, {ADDRESS}")
        deeds.links()
        sends(mailer)
        give_email(sandbox, ADDRESS)
        deeds.links()
        sends(mailer)
    said = (
        str(events) + "".join(r.getMessage() for r in caplog.records if r.name != "mail.log") + str(capfd.readouterr())
    )
    assert ADDRESS.partition("@")[0] not in said
    assert mail_server.recipients[-1] == ADDRESS, "the address was really in play"
    assert {event["event"] for event in events} == {"notice_sent", "notice_delayed", "notice_failed"}
    assert len(events) == 8


@pytest.fixture
def working(deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer) -> Iterator[Event]:
    """A mailer at work; the event stops it."""
    stop = Event()
    thread = threading.Thread(target=make_mailer(deeds.database, mail_server.url, seconds=8).run, args=[stop])
    thread.start()
    yield stop
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, "It never came to be so"
        time.sleep(0.02)


def wait_until_sent(deeds: Deeds, count: int) -> None:
    wait_until(lambda: deeds.states().count(MailState.SENT) == count)


@pytest.mark.usefixtures("working")
def test_a_mailer_at_work_sends_what_comes_due(deeds: Deeds) -> None:
    deeds.links()
    wait_until_sent(deeds, 1)
    deeds.links()
    wait_until_sent(deeds, 2)


def test_a_mailer_at_work_outlives_a_database_that_fails(
    deeds: Deeds, make_mailer: MakeMailer, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer_module, "FAULT_PAUSE_SECONDS", 0.1)
    deeds.links()
    rename(deeds.database, "outbox", "lost")
    stop = Event()
    thread = threading.Thread(target=make_mailer(deeds.database, mail_server.url).run, args=[stop])
    with logged() as events:
        thread.start()
        wait_until(lambda: events)
        rename(deeds.database, "lost", "outbox")
        wait_until_sent(deeds, 1)
        stop.set()
        thread.join(5)
    assert events[0]["event"] == "outbox_failed"
    assert "no such table" in events[0]["why"]


def rename(database: Database, table: str, name: str) -> None:
    with database.write() as connection:
        connection.execute(sa.text(f"ALTER TABLE {table} RENAME TO {name}"))


def test_a_mailer_stops_within_two_seconds_though_the_server_hangs(
    deeds: Deeds, working: Event, mail_server: MailServer
) -> None:
    mail_server.hanging = True
    deeds.links()
    wait_until(lambda: deeds.mails()[0]["tries"])
    started = time.monotonic()
    working.set()
    time.sleep(0.01)
    while [thread for thread in threading.enumerate() if thread.name.endswith("(run)")]:
        assert time.monotonic() - started < 2.5
        time.sleep(0.02)
