"""Sends the notices in the outbox: claims one, asks for the address, writes and sends the message, marks it."""

import time
from collections.abc import Callable
from threading import Event, Thread

import structlog
from sqlalchemy.exc import SQLAlchemyError

from portal.database.database import Database
from portal.database.engine import describe
from portal.mail.messages import MessageWriter, NoAddress
from portal.mail.outbox import DELETED_AT_ONCE, Notice, Outbox
from portal.mail.smtp import NotSent, SMTPClient
from portal.mail.unknown_attempts import UnknownAttempts
from portal.viewers.preferences import ViewerPreferences
from portal.zype.errors import Misconfigured, NotFound, ZypeError

log = structlog.get_logger("portal.mail")

POLL_SECONDS = 1.0
# Between polls after a database error.
ERROR_PAUSE_SECONDS = 10.0
# Between two looks at what is rarely there: attempts that crashed, and old notices.
TIDY_SECONDS = 60.0
# For the message in progress when the mailer is stopped.
GRACE_SECONDS = 1.5


class Mailer:
    """Sends notices, one after the other. Any number of mailers may share one outbox.

    Args:
        find_email: returns the address of the viewer with a consumer_id; raises ZypeError if it can't be asked for.
        count: called with the result of each try: sent, delayed or failed.
    """

    def __init__(
        self,
        database: Database,
        find_email: Callable[[str], str | None],
        writer: MessageWriter,
        smtp: SMTPClient,
        count: Callable[[str], None] = lambda result: None,
    ) -> None:
        self._outbox = Outbox(database)
        self._unknown = UnknownAttempts(database)
        self._preferences = ViewerPreferences(database)
        self._find_email = find_email
        self._writer = writer
        self._smtp = smtp
        self._count = count
        self._tidied_at = -TIDY_SECONDS

    def run(self, stop: Event) -> None:
        """Send what comes due until the event is set; a message in progress then has GRACE_SECONDS.

        After that its notice is due again later, as if the mailer had crashed.
        """
        thread = Thread(target=self._poll, args=(stop,), daemon=True)
        thread.start()
        stop.wait()
        thread.join(GRACE_SECONDS)

    def _poll(self, stop: Event) -> None:
        while not stop.is_set():
            pause = POLL_SECONDS
            try:
                self.send_due(stop)
            except Exception as error:
                reason = describe(error) if isinstance(error, SQLAlchemyError) else repr(type(error))
                log.error("outbox_failed", why=reason)
                pause = ERROR_PAUSE_SECONDS
            stop.wait(pause)

    def send_due(self, stop: Event) -> None:
        """Send every notice that is due now, and once in a while delete old ones, until the event is set.

        If the database fails, SQLAlchemyError is raised, and a notice that was not marked is due again later.
        """
        if time.monotonic() - self._tidied_at >= TIDY_SECONDS:
            self._unknown.queue_crashed()
            while not stop.is_set() and self._outbox.delete_old() == DELETED_AT_ONCE:
                pass
            self._tidied_at = time.monotonic()
        while not stop.is_set() and (notice := self._outbox.claim()):
            self._try(notice)

    def _try(self, notice: Notice) -> None:
        start = time.monotonic()
        try:
            if self._unknown.is_settled(notice):
                self._outbox.mark_settled(notice)
                return
            self._send(notice)
        except SQLAlchemyError:
            raise
        except Exception as error:
            # A fault of one notice, such as an error in the operator's own template, must not stop the others.
            reason, is_permanent = _judge(error)
            if not is_permanent and self._outbox.retry_later(notice):
                self._count("delayed")
                log.warning("notice_delayed", **_fields(notice), why=reason)
            elif self._outbox.mark_failed(notice):
                self._count("failed")
                log.error("notice_failed", **_fields(notice), why=reason)
        else:
            if self._outbox.mark_sent(notice):
                self._count("sent")
                milliseconds = round((time.monotonic() - start) * 1000)
                log.info("notice_sent", **_fields(notice), ms=milliseconds)

    def _send(self, notice: Notice) -> None:
        email = self._find_email(notice.consumer_id)
        if not email:
            raise NoAddress("there is none")
        language = self._preferences.language(notice.consumer_id)
        self._smtp.send(self._writer.write(notice, email, language))


def _fields(notice: Notice) -> dict[str, object]:
    return {"attempt_id": notice.attempt_id, "kind": notice.kind, "tries": notice.tries}


def _judge(error: Exception) -> tuple[str, bool]:
    """Return why a notice was not sent, without an address, and whether no retry can succeed."""
    match error:
        case NotSent():
            return str(error), error.is_permanent
        case NoAddress() | NotFound():
            return f"{type(error).__name__}: {error}", True
        case Misconfigured():
            log.error("zype_refused_our_key", error=str(error))
            return str(error), False
        case ZypeError():
            return f"{type(error).__name__}: {error}", False
        case _:
            # The text of an unexpected error may hold an address.
            return type(error).__name__, False
