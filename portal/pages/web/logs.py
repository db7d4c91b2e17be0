"""JSON logs on standard output, our own and those of libraries, without secrets; one line a request."""

import logging
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, g, request
from structlog.typing import Processor

from portal.pages.web.redaction import Redactor
from portal.settings.settings import Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# These write a line for each connection, request or migration, some with its query.
VERBOSE_LOGGERS = ("urllib3", "werkzeug", "alembic", "asyncio")

log = structlog.get_logger("portal.access")

CountRequest = Callable[[str | None, str, int, float], None]

_write_lock = threading.Lock()


def _write(line: str) -> None:
    # Tests replace standard output, so it is looked up for each line.
    with _write_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class _Logger:
    """Receives the finished lines of structlog."""

    def __init__(self, name: str = "portal") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        _write(line)

    debug = info = warning = error = critical = msg


class _Handler(logging.Handler):
    """Receives the records that libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _write(self.format(record))
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        # The default prints the record's arguments, past the redaction.
        _write(f'{{"event": "unwritable_record", "logger": "{record.name}", "level": "error"}}')


_SHARED_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.processors.add_log_level,
    structlog.processors.format_exc_info,
]


def configure(settings: Settings, level: int = logging.INFO) -> None:
    """Send every log of this process from this level on to standard output, without the secrets of the settings."""
    redactor = Redactor(settings.secret_values)
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
    logging.captureWarnings(True)


def init_app(app: Flask, count: CountRequest) -> None:
    """Give every request an id, and log and count it.

    The X-Request-ID of a proxy is used if it is harmless, so that its logs and ours can be joined. ``count`` is called
    with the rule, the method, the status and the seconds of every request.
    """

    @app.before_request
    def begin() -> None:
        sent = request.environ.get("HTTP_X_REQUEST_ID", "")
        g.request_id = sent if REQUEST_ID.fullmatch(sent) else secrets.token_hex(16)
        g.request_start = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        context: dict[str, Any] = g.__dict__
        # Both are missing if the request failed before the first handler.
        seconds = time.perf_counter() - context.get("request_start", time.perf_counter())
        response.headers["X-Request-ID"] = context.get("request_id", "none")
        # The rule, never the path, which may contain a PIN that was typed into the address bar.
        rule = request.url_rule.rule if request.url_rule else None
        count(rule, request.method, response.status_code, seconds)
        milliseconds = round(seconds * 1000, 1)
        log.info("request", method=request.method, rule=rule, status=response.status_code, ms=milliseconds)
        return response
