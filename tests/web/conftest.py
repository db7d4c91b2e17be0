"""What tests of the web layer share: logs as an operator reads them, and a real Redis."""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
import time_machine

from portal.pages.web import logs, request_counts
from portal.pages.web.log_lines import access_log
from portal.settings.loading import load
from tests.harness.redis_server import Redis

SECRETS = {
    "PORTAL_SECRET_KEY": "s3cr3t" * 6,
    "PORTAL_ZYPE_API_KEY": "key/with+signs",
    "PORTAL_ZYPE_CLIENT_SECRET": 'quoted"\\secret',
    "PORTAL_DATABASE_URL": "postgresql+psycopg://portal:Datenbank7@db.internal/portal",
}
# What no line may contain, and how libraries write it.
LEAKS = {
    "Invalid request from ip=203.0.113.9: Invalid HTTP Version: 'zizm529 HTTP/1.1'": ("203.0.113.9", "zizm529"),
    "Invalid request from ip=2001:db8::9: Invalid chunk size: b'ZZgcut001'": ("2001:db8::9", "gcut001"),
    "Error handling request GET /activate/zizm529": ("zizm529",),
    "InvalidChunkSize: Invalid chunk size: b'ZZpin=gcut001&password=hushhush'": ("gcut001", "hushhush"),
    '"GET /activate?pin= zizm529 HTTP/1.1" 400 -': ("zizm529",),
    "POST /zizm529 HTTP/1.0": ("zizm529",),
    "ratelimit 6000 per 1 minute (203.0.113.9) exceeded at endpoint: a": ("203.0.113.9",),
    "ratelimit 6000 per 1 minute (2001:db8:1:2::/64) exceeded at endpoint: a": ("2001:db8",),
    "Exception occurred during processing of request from ('203.0.113.9', 40001)": ("203.0.113.9",),
    "Peer: 203.0.113.9:40001": ("203.0.113.9",),
    "from [2001:db8::9]:443, fe80::9%eth0 and ::ffff:203.0.113.9": ("2001:db8", "fe80", "203.0.113.9"),
    "Max retries exceeded with url: /pin/status?linked_device_id=abc123def": ("abc123def",),
    "refused alice@example.com and alice%40example.com: no such user": ("alice",),
}
Lines = Callable[[], list[dict[str, Any]]]
NOON = 1_800_000_000
assert NOON % 60 == 0


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """Logs as `serve` sets them up; call it for what was written since the last call, one object a line."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.VERBOSE_LOGGERS}
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    logs.configure(load(SECRETS))

    def written() -> list[dict[str, Any]]:
        captured = capsys.readouterr()
        assert captured.err == "", "logs go to standard output alone"
        return [json.loads(line) for line in captured.out.splitlines()]

    yield written
    access_log.is_open = False
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.setLogRecordFactory(logging.LogRecord)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    """A clock that stands still at the beginning of a minute."""
    monkeypatch.setattr(request_counts, "monotonic", time.time)
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A running Redis server of this test's own."""
    server = Redis()
    yield server
    server.close()
