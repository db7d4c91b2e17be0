"""Builds the portal from its settings, in the order in which the parts need each other."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import metrics
from portal.activate.views import bp as activate
from portal.agents import Agents
from portal.attempt_history import AttemptHistory
from portal.audit import Ledger
from portal.auth import staff_oidc, zype_code
from portal.auth.staff import bp as staff
from portal.auth.staff_oidc_views import bp as staff_oidc_pages
from portal.auth.views import bp as auth
from portal.budgets import Budgets
from portal.config import Settings
from portal.db import Database
from portal.devices.views import bp as devices
from portal.directory import Directory
from portal.history import History
from portal.keys import keyring
from portal.linking import Linking
from portal.ops.views import bp as ops
from portal.paths import data_dir
from portal.second_factor import SecondFactor
from portal.services import EXTENSION, Services
from portal.sessions import Sessions
from portal.support.history_views import bp as support_history
from portal.support.linking_views import bp as support_linking
from portal.support.unlinking_views import bp as support_unlinking
from portal.support.views import bp as support
from portal.unlinking import Unlinking
from portal.viewer_records import ViewerRecords
from portal.waiters import Waiters
from portal.web import assets, error_pages, forms, headers, limits, logs, templating
from portal.zype.client import ZypeClient

# A form holds a PIN or a password: anything longer is no form of ours.
MOST_BYTES = 64 * 1024


def create_app(settings: Settings) -> Flask:
    """Build the portal.

    Args:
        settings: all of them; nothing else is read from the environment.
    """
    app = Flask(__name__, template_folder=str(data_dir("templates")), static_folder=None)
    _configure(app, settings)
    app.extensions[EXTENSION] = _services(settings)
    logs.init_app(app)
    limits.init_app(app, settings)
    forms.init_app(app)
    static_files = assets.init_app(app, settings)
    templating.init_app(app, settings, static_files)
    error_pages.init_app(app)
    zype_code.init_app(app, settings)
    staff_oidc.init_app(app, settings)
    for blueprint in (
        *(ops, auth, staff, staff_oidc_pages),
        *(activate, devices),
        *(support, support_linking, support_unlinking, support_history),
    ):
        app.register_blueprint(blueprint)
    # What is asked before Flask comes last: the host's name, and outermost the client's address behind proxies.
    headers.init_app(app, settings)
    hops = settings.proxy_hops
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.secret_key = settings.secret_key.get_secret_value()
    if settings.secret_key_previous:
        app.config["SECRET_KEY_FALLBACKS"] = [settings.secret_key_previous.get_secret_value()]
    app.config.update(
        MAX_CONTENT_LENGTH=MOST_BYTES,
        MAX_FORM_MEMORY_SIZE=MOST_BYTES,
        # With https the name itself tells the browser that no other host and no plain http may set the cookie.
        SESSION_COOKIE_NAME="__Host-activate" if settings.is_https else "activate",
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PREFERRED_URL_SCHEME="https" if settings.is_https else "http",
    )


def _services(settings: Settings) -> Services:
    database = Database(settings.database_url.get_secret_value(), connections=settings.threads)
    keys = keyring(settings)
    ledger = Ledger(database, keys, queues_notices=settings.smtp_url is not None)
    zype = ZypeClient(settings, metrics.observe_zype)
    sessions = Sessions(database, keys.current)
    waiters = Waiters()
    history = History(database)
    records = ViewerRecords(database)
    return Services(
        settings=settings,
        database=database,
        ledger=ledger,
        sessions=sessions,
        zype=zype,
        linking=Linking(settings, ledger, zype, waiters),
        unlinking=Unlinking(settings, ledger, zype, waiters, records),
        history=history,
        attempts=AttemptHistory(database),
        budgets=Budgets(database, settings),
        records=records,
        directory=Directory(settings, ledger, history, records, zype),
        agents=Agents(database, sessions),
        second_factor=SecondFactor(database, settings),
    )
