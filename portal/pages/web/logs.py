"""JSON logs on standard output, our own and those of libraries, without secrets; one line a request."""

import logging
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Request, Response, has_request_context
from flask import request as current_request
from structlog.typing import EventDict, Processor

from portal.pages.identity.actor import REQUEST_ID
from portal.pages.web.application import Portal
from portal.pages.web.log_lines import METHODS, access_log, write_line
from portal.pages.web.redaction import Redactor
from portal.settings.settings import Settings

_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Of when a request began, in its environ.
_BEGAN_AT = "portal.began_at"
# These write a line for each connection, request or migration, some with its query.
VERBOSE_LOGGERS = ("urllib3", "werkzeug", "alembic", "asyncio")

log = structlog.get_logger("portal.access")

CountRequest = Callable[[str | None, str, int, float], None]


class _Logger:
    """Receives the finished lines of structlog."""

    def __init__(self, name: str = "portal") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        write_line(line)

    debug = info = warning = error = critical = msg


class _Handler(logging.Handler):
    """Receives the records that libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_line(self.format(record))
        except Exception:
            # As every handler does: what can't be written, for whatever reason, fails nobody's page.
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        # The default prints the record's arguments, past the redaction.
        write_line(f'{{"event": "unwritable_record", "logger": "{record.name}", "level": "error"}}')


class _RecordFactory:
    """Makes the records of libraries, without what must not be logged: some servers have handlers of their own."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **kwargs)
        message, redacted = self._message(record)
        # Formatters of a server may need the arguments, where they are harmless.
        if redacted != message:
            record.msg, record.args = redacted, ()
        if record.exc_info:
            # What a formatter uses in place of the exception.
            record.exc_text = self._redactor.foreign_text(logging.Formatter().formatException(record.exc_info))
        return record

    def _message(self, record: logging.LogRecord) -> tuple[str | None, str]:
        try:
            message = record.getMessage()
        except Exception:
            # A library's own mistake, such as too few arguments or one that can't be printed, fails nobody's page. It
            # is found here, since the default prints the record's arguments.
            return None, "unwritable_record"
        return message, self._redactor.foreign_text(message)


def _add_request_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add the id of the request that this thread answers; what is logged between two requests belongs to none."""
    request_id = current_request.environ.get(REQUEST_ID) if has_request_context() else None
    if request_id:
        event.setdefault("request_id", request_id)
    return event


_SHARED_PROCESSORS: list[Processor] = [
    _add_request_id,
    structlog.stdlib.add_logger_name,
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
]


def configure(settings: Settings, level: int = logging.INFO) -> None:
    """Send every log of this process from this level on to standard output, without the secrets of the settings."""
    redactor = Redactor(settings.secret_values, _own_addresses(settings))
    access_log.is_open = level <= logging.INFO
    output: list[Processor] = [
        lambda _logger, _method, event: redactor.event(event),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*_SHARED_PROCESSORS, *output],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Logger,
    )
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_SHARED_PROCESSORS],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *output],
        )
    )
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other, _Handler)] + [handler]
    root.setLevel(level)
    for name in VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.setLogRecordFactory(_RecordFactory(redactor))
    logging.captureWarnings(True)
    sys.excepthook = _log_crash
    threading.excepthook = lambda crash: _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)
    sys.unraisablehook = lambda crash: _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)


def _log_crash(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Log what ends a process or a thread; Python would print it as it is."""
    crash = error or kind()
    log.critical("unhandled_exception", exc_info=(kind, crash, trace))


def _own_addresses(settings: Settings) -> set[str]:
    """Return what the settings name as HOST:PORT, which operators have to see in messages of the server."""
    secret = (settings.database_url, settings.redis_url, settings.smtp_url)
    urls = [url.get_secret_value() for url in secret if url]
    urls += [settings.public_url, settings.console_url, settings.zype_api_url, settings.zype_login_url]
    return {settings.bind, settings.metrics_bind or "", *(urlsplit(url).netloc.rpartition("@")[2] for url in urls)}


def init_app(app: Portal, count: CountRequest) -> None:
    """Give every request an id, and log and count it.

    The X-Request-ID of a proxy is used if it is harmless, so that its logs and ours can be joined. ``count`` is called
    with the rule, the method, the status and the seconds of every request.
    """

    @app.check
    def begin(request: Request) -> None:
        environ = request.environ
        sent = environ.get("HTTP_X_REQUEST_ID")
        environ[REQUEST_ID] = sent if sent and _PLAIN_ID.fullmatch(sent) else secrets.token_hex(16)
        environ[_BEGAN_AT] = time.perf_counter()

    @app.on_answer
    def end(request: Request, response: Response) -> None:
        environ = request.environ
        # Both are missing if the request failed before the first check.
        seconds = time.perf_counter() - environ.get(_BEGAN_AT, time.perf_counter())
        request_id = environ.get(REQUEST_ID, "none")
        response.headers.add("X-Request-ID", request_id)
        # The rule, never the path, which may contain a PIN that was typed into the address bar.
        rule = request.url_rule.rule if request.url_rule else None
        method, status = request.method, response.status_code
        count(rule, method, status, seconds)
        milliseconds = round(seconds * 1000, 1)
        # An id with dots may be an address, and a method is what a client sent.
        if method in METHODS and "." not in request_id:
            access_log.write(method, rule, status, milliseconds, request_id)
        else:
            log.info("request", method=method, rule=rule, status=status, ms=milliseconds)
