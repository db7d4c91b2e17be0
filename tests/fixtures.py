"""What tests of several folders share: databases, the sandbox, the portal in three ways of running, and its viewers.

Every test has its own database, its own sandbox and its own portal, so tests run in any order and side by side.
A test that wants other settings overrides the fixture ``environ``, or gives them to ``make_app``.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from jinja2 import BytecodeCache
from playwright.sync_api import Browser

from portal.app import create_app, create_services
from portal.database.migration import upgrade
from portal.services import EXTENSION, Services
from portal.settings.environment import variable
from portal.settings.loading import load
from portal.settings.settings import Settings
from portal.viewers import password_mails
from tests.harness import postgres, servers
from tests.harness.chromium import chromium
from tests.harness.commands import fork_with
from tests.harness.compiled_statements import share_compiled_statements
from tests.harness.compiled_templates import CompiledTemplates, read_templates_once
from tests.harness.database_pool import DatabasePool
from tests.harness.environment import live_environ, portal_environ
from tests.harness.fork_server import end_fork_server
from tests.harness.page import PageClient
from tests.harness.password_costs import hash_at_smallest_costs
from tests.harness.people import Alice, Bob, Mallory, Supervisor
from tests.harness.routing import CompiledOnceRule
from tests.harness.servers import Port, Processes
from tests.harness.simulated_zype import SimulatedZype, simulated_zype
from tests.harness.transports import InProcess, OverHTTP
from tests.harness.windows import OpenWindow, Windows

MakeServices = Callable[..., Services]
# A busy machine is slow now and then, which is no fault of the code.
hypothesis.settings.register_profile("portal", deadline=None)
hypothesis.settings.load_profile("portal")
Flask.url_rule_class = CompiledOnceRule
share_compiled_statements()
hash_at_smallest_costs()
servers.remember_versions()
read_templates_once()
# How long an answer waits that must not tell by its time whether there is an account.
password_mails.STEP_SECONDS = 0.001


def pytest_unconfigure() -> None:
    """End the connection to the process that is forked."""
    end_fork_server()


def services_of(app: Flask) -> Services:
    """Return the services of a portal in this process."""
    found: Services = app.extensions[EXTENSION]
    return found


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "portal.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    file = tmp_path / "portal.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """A running PostgreSQL."""
    with postgres.running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgresql_databases(postgres_cluster: postgres.Cluster) -> Iterator[DatabasePool]:
    """The migrated databases of that PostgreSQL."""
    with closing(DatabasePool(postgres_cluster)) as databases:
        yield databases


@pytest.fixture
def postgresql_url(postgresql_databases: DatabasePool) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    with postgresql_databases.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own; the test runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def port() -> Iterator[Port]:
    """Where the portal of this test is, or would be, served."""
    port = Port()
    yield port
    port.close()


@pytest.fixture
def sandbox(port: Port) -> Iterator[SimulatedZype]:
    """A running sandbox with nothing linked, whose TVs send viewers to this test's portal."""
    with simulated_zype(port.url) as sandbox:
        yield sandbox


@pytest.fixture
def environ(sandbox: SimulatedZype, sqlite_url: str, port: Port) -> dict[str, str]:
    """The PORTAL_* variables of this test's portal."""
    return portal_environ(port, sandbox.url, sqlite_url)


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    """The settings of this test's portal."""
    return load(environ)


@pytest.fixture(scope="session")
def compiled_templates() -> BytecodeCache:
    """The templates that portals of this run have compiled so far."""
    return CompiledTemplates()


@pytest.fixture
def make_app(environ: dict[str, str], compiled_templates: BytecodeCache) -> Iterator[Callable[..., Flask]]:
    """Return a maker of portals in this process: ``make_app(limit_viewer="2/minute")``."""
    with ExitStack() as stack:

        def make(**settings: str) -> Flask:
            app = create_app(load(environ | {variable(name): value for name, value in settings.items()}))
            app.jinja_env.bytecode_cache = compiled_templates
            stack.callback(services_of(app).database.dispose)
            stack.callback(services_of(app).zype.close)
            return app

        yield make


@pytest.fixture
def make_services(environ: dict[str, str]) -> Iterator[MakeServices]:
    """Return a maker of services without a portal around them: ``make_services(limit_agent="3/day")``."""
    with ExitStack() as stack:

        def make(**settings: str) -> Services:
            services = create_services(load(environ | {variable(name): value for name, value in settings.items()}))
            stack.callback(services.database.dispose)
            stack.callback(services.zype.close)
            return services

        yield make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The portal in this process."""
    return make_app()


@pytest.fixture
def browse() -> Callable[..., PageClient]:
    """Return a maker of browsers without JavaScript: ``browse(app, address="192.0.2.7", language="ar")``."""

    def make(app: Flask, address: str = "127.0.0.1", language: str = "en") -> PageClient:
        settings = services_of(app).settings
        return PageClient(InProcess(app, settings.public_url, address), settings, language)

    return make


@pytest.fixture
def client(app: Flask, browse: Callable[..., PageClient]) -> PageClient:
    """A browser without JavaScript."""
    return browse(app)


@pytest.fixture
def alice(app: Flask, browse: Callable[..., PageClient]) -> Alice:
    """Alice at a browser of her own, signed in nowhere."""
    return Alice(browse(app))


@pytest.fixture
def mallory(app: Flask, browse: Callable[..., PageClient]) -> Mallory:
    """Mallory at another browser, signed in nowhere."""
    return Mallory(browse(app))


@pytest.fixture
def bob(app: Flask, browse: Callable[..., PageClient]) -> Bob:
    """Bob, an agent, at a browser of his own, signed in nowhere."""
    return Bob(browse(app)).with_account(services_of(app))


@pytest.fixture
def supervisor(app: Flask, browse: Callable[..., PageClient]) -> Supervisor:
    """A supervisor at another browser, signed in nowhere."""
    return Supervisor(browse(app)).with_account(services_of(app))


@pytest.fixture
def live(app: Flask, port: Port) -> Iterator[str]:
    """The portal of this process on a real port; gives its origin."""
    with servers.serving(app, port) as url:
        yield url


@pytest.fixture
def constants() -> dict[str, Any]:
    """What is other in the processes of this test's portal than in an operator's: nothing (``fork_with``)."""
    return {}


@pytest.fixture
def processes(environ: dict[str, str], port: Port, tmp_path: Path, constants: dict[str, Any]) -> Iterator[Processes]:
    """The portal as ``zype-activate serve`` runs it: two worker processes, on this test's settings."""
    with servers.processes(live_environ(environ), port, tmp_path, start=fork_with(constants)) as processes:
        yield processes


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def windows(browser: Browser) -> Windows:
    """The windows of Chromium that are open."""
    return Windows(browser)


@pytest.fixture
def open_window(windows: Windows) -> Iterator[OpenWindow]:
    """Return a function that opens a window with its own cookies: ``open_window(360, 740)``.

    The test fails on any error in it, and on any request to another host.
    """
    with windows.opening() as open_window:
        yield open_window


@pytest.fixture
def browse_over_http(settings: Settings) -> Callable[[str], PageClient]:
    """Return a maker of browsers that speak HTTP to ``live`` or to ``processes``."""
    return lambda origin: PageClient(OverHTTP(origin), settings)
