"""Alive and ready are told to anybody, and ready means that the database can be worked with."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from portal.app import create_app
from portal.settings.settings import Settings
from tests.fixtures import services_of
from tests.harness.cases import each
from tests.harness.page import PageClient
from tests.harness.servers import free_port

PATHS = ["/healthz", "/readyz"]


@each("path", PATHS)
@each("host", ["10.0.0.7:8000", "evil.example", "\x00", ""])
def test_it_answers_whatever_the_host_header_says(path: str, host: str, app: Flask) -> None:
    answer = app.test_client().get(path, environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_it_starts_no_session_and_is_not_cached(path: str, client: PageClient) -> None:
    page = client.get(path)
    assert page.headers("Set-Cookie") == []
    assert page.header("Cache-Control") == "no-store"


@pytest.mark.parametrize("path", PATHS)
def test_a_post_is_405(path: str, client: PageClient) -> None:
    client.send("POST", path, 405)


def test_it_is_ready_on_either_database(
    any_database_url: str, make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    client = browse(make_app(database_url=any_database_url))
    assert '"ready"' in client.get("/readyz").source


def test_a_server_that_stops_is_alive_but_not_ready(settings: Settings) -> None:
    app = create_app(settings, is_draining=lambda: True)
    client = app.test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    services_of(app).database.dispose()


def test_it_is_alive_but_not_ready_without_the_schema(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], tmp_path: Path
) -> None:
    client = browse(make_app(database_url=f"sqlite:///{tmp_path / 'empty.db'}"))
    client.get("/healthz", 200)
    assert "not ready" in client.get("/readyz", 503).source


def test_it_is_ready_on_a_newer_schema_and_not_on_an_older_one(sqlite_url: str, client: PageClient) -> None:
    for version, status in (("0001", 503), ("9999", 200)):
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [version])
        client.get("/readyz", status)


def test_it_is_alive_but_not_ready_without_its_database(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    url = f"postgresql+psycopg://portal:password@127.0.0.1:{free_port()}/portal"
    client = browse(make_app(database_url=url))
    client.get("/healthz", 200)
    assert "not ready" in client.get("/readyz", 503).source
