"""Builds the portal from its settings, in the order in which the parts need each other."""

from collections.abc import Callable

from flask import Flask

from portal.database.authorizations import Authorizations
from portal.database.database import Database
from portal.database.sessions import Sessions
from portal.database.used_tokens import UsedTokens
from portal.domain.outcomes import Action
from portal.ledger.budgets import Budgets
from portal.ledger.delays import delays
from portal.ledger.history import History
from portal.ledger.ledger import Ledger
from portal.linking.in_flight import SingleFlight
from portal.linking.linking import Linking
from portal.linking.reconciliation import Reconciliation
from portal.linking.reports import Reports
from portal.linking.unlinking import Unlinking
from portal.mail.queueing import queue_notice
from portal.pages.activate import pin_of_link
from portal.pages.activate.linked_views import bp as activate_linked
from portal.pages.activate.views import bp as activate
from portal.pages.auth import authorization_code
from portal.pages.auth.forgotten_password_views import bp as forgotten_password
from portal.pages.auth.handoff import sign_in as handoff
from portal.pages.auth.views import bp as auth
from portal.pages.devices.views import bp as devices
from portal.pages.identity.caller import find_caller
from portal.pages.identity.session_cookie import SessionCookies
from portal.pages.ops import metrics
from portal.pages.ops.views import bp as ops
from portal.pages.staff_auth.oidc import sign_in as staff_oidc
from portal.pages.staff_auth.oidc.views import bp as staff_oidc_pages
from portal.pages.staff_auth.password_views import bp as staff_password
from portal.pages.staff_auth.views import bp as staff
from portal.pages.styleguide.views import bp as styleguide
from portal.pages.support.history_views import bp as support_history
from portal.pages.support.linking_views import bp as support_linking
from portal.pages.support.password_mail_views import bp as support_password_mail
from portal.pages.support.sign_out_views import bp as support_sign_out
from portal.pages.support.unlinking_views import bp as support_unlinking
from portal.pages.support.views import bp as support
from portal.pages.web import (
    assets,
    bodies,
    client_address,
    console_origin,
    error_pages,
    forms,
    headers,
    limits,
    logs,
    templating,
)
from portal.pages.web.application import Portal
from portal.pages.web.jinja.environment import PageEnvironment
from portal.services import EXTENSION, Services
from portal.settings.keys import keyring
from portal.settings.package_data import data_dir
from portal.settings.settings import Settings
from portal.staff.agents import Agents
from portal.staff.second_factor import SecondFactor
from portal.viewers.directory import Directory
from portal.viewers.password_mails import PasswordMails
from portal.viewers.preferences import ViewerPreferences
from portal.viewers.sign_out import SignOut
from portal.viewers.tv_numbers import TVNumbers
from portal.zype.client import ZypeClient


def create_app(settings: Settings, is_draining: Callable[[], bool] = lambda: False) -> Flask:
    """Build the portal from its settings; nothing else is read from the environment.

    Args:
        settings: the portal's.
        is_draining: tells whether the server will stop soon, so that it is to get no new requests.
    """
    app = Portal(__name__, template_folder=str(data_dir("templates")), static_folder=None)
    _configure(app, settings)
    app.extensions[EXTENSION] = create_services(settings, is_draining)
    logs.init_app(app, metrics.count_request)
    limits.init_app(app, settings, metrics.FLOOD_REFUSALS.inc)
    console_origin.init_app(app, settings)
    bodies.init_app(app)
    forms.init_app(app)
    headers.secure_pages(app)
    static_files = assets.init_app(app, settings)
    templating.init_app(app, settings, static_files)
    error_pages.init_app(app)
    pin_of_link.init_app(app)
    authorization_code.init_app(app, settings)
    handoff.init_app(app, settings)
    staff_oidc.init_app(app, settings)
    for blueprint in (ops, auth, forgotten_password, activate, activate_linked, devices):
        app.register_blueprint(blueprint)
    if settings.has_console:
        for blueprint in (
            *(staff, staff_password, staff_oidc_pages),
            *(support, support_linking, support_unlinking, support_sign_out, support_password_mail, support_history),
        ):
            app.register_blueprint(blueprint)
    if settings.mode == "sandbox":
        app.register_blueprint(styleguide)
    # Last comes what runs before Flask: the check of the Host header, and outermost the client's address from proxies.
    headers.init_app(app, settings)
    client_address.init_app(app, settings)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.jinja_environment = PageEnvironment
    # A redirect of Werkzeug's would keep a PIN in the query; portal.pages.web.paths leads on from such paths.
    app.url_map.merge_slashes = False
    app.secret_key = settings.secret_key.get_secret_value()
    if settings.secret_key_previous:
        app.config["SECRET_KEY_FALLBACKS"] = [settings.secret_key_previous.get_secret_value()]
    app.config.update(
        SESSION_COOKIE_NAME=settings.cookie_name("activate"),
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PREFERRED_URL_SCHEME="https" if settings.is_https else "http",
    )
    app.session_interface = SessionCookies(app)


def create_services(settings: Settings, is_draining: Callable[[], bool] = lambda: False) -> Services:
    """Build the services of a portal, which need no Flask; the arguments are those of ``create_app``."""
    database = Database(
        settings.database_url.get_secret_value(), connections=settings.threads, observe=metrics.observe_database_wait
    )
    keys = keyring(settings)
    ledger = Ledger(
        database,
        keys,
        on_outcome=queue_notice if settings.smtp_url else None,
        on_failure=metrics.LEDGER_FAILURES.inc,
        on_stop=metrics.count_stopped,
    )
    zype = ZypeClient(settings, metrics.observe_zype, find_caller, metrics.count_share_refusal)
    sessions = Sessions(database, keys.current)
    history = History(database)
    single_flight = SingleFlight(ledger, history, settings.zype_deadline)
    reconciliation = Reconciliation(settings, keys, history, zype)
    preferences = ViewerPreferences(database)
    unlinking = Unlinking(settings, ledger, history, zype, single_flight, preferences)
    return Services(
        settings=settings,
        database=database,
        ledger=ledger,
        delays=delays(settings.threads),
        sessions=sessions,
        authorizations=Authorizations(
            database, settings, on_stop=lambda kind: metrics.count_stopped(Action.SIGN_IN, kind)
        ),
        sign_out=SignOut(database, sessions, ledger),
        used_tokens=UsedTokens(database, keys.current),
        zype=zype,
        linking=Linking(settings, ledger, zype, single_flight, reconciliation, metrics.count_link),
        unlinking=unlinking,
        reports=Reports(ledger, history, unlinking),
        history=history,
        budgets=Budgets(database, settings),
        preferences=preferences,
        directory=Directory(settings, ledger, history, preferences, TVNumbers(database), zype),
        password_mails=PasswordMails(settings, ledger, zype),
        agents=Agents(database, sessions, ledger),
        second_factor=SecondFactor(database, settings, ledger),
        is_draining=is_draining,
    )
