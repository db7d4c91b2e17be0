"""Sends the mails that wait: claims one, asks Zype whom it goes to, writes it, hands it over, and marks it."""

import time
from collections.abc import Callable
from threading import Event, Thread

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database, describe
from portal.mail.letters import Letters, NoAddress, Recipient
from portal.mail.outbox import Mail, Outbox
from portal.mail.smtp import MailServer, NotSent
from portal.settings.settings import Settings
from portal.viewers.records import ViewerRecords
from portal.zype.client import ZypeClient
from portal.zype.errors import Misconfigured, NotFound, ZypeError

log = structlog.get_logger("portal.mailer")

POLL_SECONDS = 1.0
# The database is not asked as often while it does not answer.
FAULT_PAUSE_SECONDS = 10.0
GRACE_SECONDS = 1.5


class Mailer:
    """Sends mails, one after the other. Any number of mailers may work on one outbox.

    Args:
        database: where the mails and the viewers' own settings are.
        zype: knows the viewers' e-mail addresses.
        letters: writes the mails.
        server: takes them.
        count: called with the result of each try: sent, delayed or failed.
    """

    def __init__(
        self,
        database: Database,
        zype: ZypeClient,
        letters: Letters,
        server: MailServer,
        count: Callable[[str], None] = lambda result: None,
    ) -> None:
        self._outbox = Outbox(database)
        self._records = ViewerRecords(database)
        self._zype = zype
        self._letters = letters
        self._server = server
        self._count = count

    def run(self, stop: Event) -> None:
        """Send whatever comes due until told to stop; a mail that is under way then has a moment to be finished.

        One that is not is due again later, as if its mailer had crashed.
        """
        thread = Thread(target=self._work, args=(stop,), daemon=True)
        thread.start()
        stop.wait()
        thread.join(GRACE_SECONDS)

    def _work(self, stop: Event) -> None:
        while not stop.is_set():
            pause = POLL_SECONDS
            try:
                self.send_due(stop)
            except Exception as error:
                log.error(
                    "outbox_failed", why=describe(error) if isinstance(error, SQLAlchemyError) else repr(type(error))
                )
                pause = FAULT_PAUSE_SECONDS
            stop.wait(pause)

    def send_due(self, stop: Event) -> None:
        """Send every mail that is due now, or as many as there is time for.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database can't be read or written; what was not marked is due again
                later.
        """
        while not stop.is_set() and (mail := self._outbox.claim()):
            self._try(mail)

    def _try(self, mail: Mail) -> None:
        started = time.monotonic()
        try:
            self._send(mail)
        except SQLAlchemyError:
            raise
        except Exception as error:
            # Nothing about one mail may stop the others, such as a fault in a template of the operator's own.
            reason, is_final = _judge(error)
            self._fail(mail, reason) if is_final else self._delay(mail, reason)
        else:
            if self._outbox.mark_sent(mail):
                self._count("sent")
                milliseconds = round((time.monotonic() - started) * 1000)
                log.info("notice_sent", attempt_id=mail.attempt_id, kind=mail.kind, tries=mail.tries, ms=milliseconds)

    def _send(self, mail: Mail) -> None:
        consumer = self._zype.consumer(mail.consumer_id)
        if not consumer.email:
            raise NoAddress("there is none")
        recipient = Recipient(consumer.email, self._records.language(mail.consumer_id))
        self._server.send(self._letters.write(mail, recipient))

    def _delay(self, mail: Mail, reason: str) -> None:
        if self._outbox.is_given_up(mail):
            self._fail(mail, reason)
            return
        self._outbox.put_back(mail)
        self._count("delayed")
        log.warning("notice_delayed", attempt_id=mail.attempt_id, kind=mail.kind, tries=mail.tries, why=reason)

    def _fail(self, mail: Mail, reason: str) -> None:
        if self._outbox.mark_failed(mail):
            self._count("failed")
            log.error("notice_failed", attempt_id=mail.attempt_id, kind=mail.kind, tries=mail.tries, why=reason)


def _judge(error: Exception) -> tuple[str, bool]:
    """Return why a mail was not sent, in words without an address, and whether trying again is of no use."""
    match error:
        case NotSent():
            return str(error), error.is_final
        case NoAddress() | NotFound():
            return f"{type(error).__name__}: {error}", True
        case Misconfigured():
            log.error("zype_refused_our_key", error=str(error))
            return str(error), False
        case ZypeError():
            return f"{type(error).__name__}: {error}", False
        case _:
            # What an unforeseen error says of itself may hold an address.
            return type(error).__name__, False


def mail_server(settings: Settings) -> MailServer:
    """Return the operator's mail server, which has to be set."""
    if settings.smtp_url is None:
        raise LookupError("there is no PORTAL_SMTP_URL")
    return MailServer(settings.smtp_url.get_secret_value(), settings.mail_from.rpartition("@")[2])
