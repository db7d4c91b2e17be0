"""The house stands as it was designed; each rule is first shown to catch what breaks it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import RULES, SCRIPT_LINES, Source, sources

ROOT = Path(__file__).parent.parent
Rule = Callable[[Source], Iterator[str]]

# For each rule: modules that break it, as (module, source).
BROKEN: dict[Rule, list[tuple[str, str]]] = {
    architecture.it_has_a_level: [("portal.elsewhere", ""), ("portal.elsewhere.inner", "")],
    architecture.imports_run_downwards: [
        ("portal.audit", "import portal.linking"),
        ("portal.audit", "from portal import services"),
        ("portal.zype.client", "from portal.linking import link"),
        ("portal.zype.client", "from ..linking import link"),
        ("portal.zype.client", "from .. import linking"),
        ("portal.pins", "from portal.config import Settings"),
        ("portal.linking", "if TYPE_CHECKING:\n    from portal.web import headers"),
        ("portal.web.headers", "from portal.app import create_app"),
        ("portal.services", "from portal.auth.identity import identity"),
    ],
    architecture.blueprints_stand_alone: [
        ("portal.activate.views", "from portal.devices import views"),
        ("portal.activate.views", "from portal.auth.views import sign_in"),
        ("portal.activate.views", "from portal.auth.guards_of_another_kind import x"),
        ("portal.web.headers", "from portal.activate.forms import EnterPinForm"),
    ],
    architecture.only_the_upper_half_knows_flask: [
        ("portal.linking", "from flask import request"),
        ("portal.audit", "import flask"),
        ("portal.zype.client", "import flask.globals"),
        ("portal.models", "from flask_babel import gettext"),
        ("portal.db", "from werkzeug.exceptions import NotFound"),
    ],
    architecture.only_the_wire_knows_requests: [
        ("portal.linking", "import requests"),
        ("portal.sandbox.app", "from requests import Session"),
        ("portal.check", "import requests.adapters"),
    ],
    architecture.the_sandbox_stands_apart: [
        ("portal.sandbox.app", "from portal.pins import Pin"),
        ("portal.sandbox.app", "from ..pins import Pin"),
        ("portal.zype.client", "from portal.sandbox import seed"),
        ("portal.app", "import portal.sandbox.app"),
    ],
    architecture.imports_stand_at_the_top: [
        ("portal.linking", "def link():\n    import json\n"),
        ("portal.linking", "class A:\n    def link(self):\n        if 1:\n            from json import loads\n"),
    ],
    architecture.nothing_is_a_catch_all: [
        ("portal.utils", ""),
        ("portal.web.helpers", ""),
        ("portal.web.form_helpers", ""),
        ("portal.common.pins", ""),
    ],
    architecture.it_is_short: [
        ("portal.linking", "\n" * 251),
        ("portal.linking", "def f():\n" + "    x = 1\n" * 50),
        ("portal.linking", "class A:\n    async def f(self):\n" + "        x = 1\n" * 50),
        ("portal.web.pages", "@bp.get('/')\ndef f():\n" + "    x = 1\n" * 25),
        ("portal.web.pages", "@bp.route('/')\n@guard\ndef f():\n" + "    x = 1\n" * 25),
    ],
    architecture.few_read_the_environment: [
        ("portal.config", "import os\nx = os.environ['X']"),
        ("portal.config", "import os\nx = os.getenv('X')"),
        ("portal.config", "from os import environ"),
        ("portal.config", "from os import getenv as g"),
    ],
    architecture.only_the_identity_knows_the_session: [
        ("portal.auth.views", "from flask import session"),
        ("portal.activate.views", "from flask import session as s"),
        ("portal.activate.views", "import flask\nflask.session['x'] = 1"),
    ],
    architecture.it_says_what_it_is_for: [("portal.pins", "import re"), ("portal.pins", "'''  '''")],
    architecture.ignored_types_say_which: [
        ("portal.pins", "x = 1  # type: ignore"),
        ("portal.pins", "x = 1  #type:ignore"),
    ],
}

# What each rule must let pass.
SOUND: dict[Rule, list[tuple[str, str]]] = {
    architecture.it_has_a_level: [("portal", ""), ("portal.sandbox.app", ""), ("portal.zype.wire", "")],
    architecture.imports_run_downwards: [
        ("portal.app", "from portal.web import headers"),
        ("portal.linking", "from portal.directory import viewers"),
        ("portal.audit", "from portal import __version__"),
        ("portal.zype.client", "from .errors import ZypeError"),
    ],
    architecture.blueprints_stand_alone: [
        ("portal.activate.views", "from portal.auth.guards import viewer_only\nfrom portal.auth import identity"),
        ("portal.activate.views", "from portal.web.forms import Form\nfrom portal.activate.forms import F"),
        ("portal.app", "from portal.activate import views"),
    ],
    architecture.only_the_upper_half_knows_flask: [("portal.services", "from flask import current_app")],
    architecture.only_the_wire_knows_requests: [("portal.zype.wire", "import requests")],
    architecture.the_sandbox_stands_apart: [
        ("portal.sandbox.app", "from portal.sandbox.store import Store"),
        ("portal.cli", "from portal.sandbox import app"),
    ],
    architecture.imports_stand_at_the_top: [("portal.cli", "def serve():\n    import portal.server\n")],
    architecture.nothing_is_a_catch_all: [("portal.web.commonplace", "")],
    architecture.it_is_short: [
        ("portal.linking", "def f():\n" + "    x = 1\n" * 49),
        ("portal.web.pages", "@bp.get('/')\ndef f():\n" + "    x = 1\n" * 24),
        ("portal.web.pages", "@cache\ndef f():\n" + "    x = 1\n" * 30),
    ],
    architecture.few_read_the_environment: [("portal.app", "import os\nx = os.environ")],
    architecture.only_the_identity_knows_the_session: [
        ("portal.auth.identity", "from flask import session"),
        ("portal.sandbox.login", "from flask import session"),
        ("portal.zype.client", "from requests import Session as session"),
    ],
    architecture.it_says_what_it_is_for: [("portal.pins", "'''What counts as a PIN.'''")],
    architecture.ignored_types_say_which: [
        ("portal.pins", "x = 1  # type: ignore[misc]"),
        ("portal.pins", "x = 'type: ignore'"),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    found = [f"{source.module}: {fault}" for source in sources(ROOT) for fault in rule(source)]
    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


def test_the_rules_see_the_whole_house() -> None:
    modules = {source.module for source in sources(ROOT)}
    assert {"portal", "portal.config", "portal.sandbox.seed"} <= modules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_catches_what_breaks_it(rule: Rule) -> None:
    for module, text in BROKEN[rule]:
        assert list(rule(Source(module, text))), f"{rule.__name__} let this pass in {module}:\n{text}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_lets_the_rest_pass(rule: Rule) -> None:
    for module, text in SOUND[rule]:
        assert not list(rule(Source(module, text))), f"{rule.__name__} stopped this in {module}:\n{text}"


def test_a_relative_import_counts_from_its_package() -> None:
    package = Source("portal.zype", "from .client import link", is_package=True)
    assert list(package.imports) == ["portal.zype.client.link"]
    assert list(Source("portal.zype.client", "from . import wire").imports) == ["portal.zype.wire"]


def test_scripts_are_short() -> None:
    scripts = (ROOT / "static").rglob("*.js")
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in scripts}
    assert not {name: count for name, count in lines.items() if count > SCRIPT_LINES}


def test_no_file_of_the_tests_is_a_catch_all() -> None:
    names = [path.stem for path in (ROOT / "tests").rglob("*.py")]
    assert not [name for name in names if architecture.CATCH_ALLS.search(name)]


def test_nothing_else_stands_at_the_top() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    tops = {path.partition("/")[0] for path in listed.stdout.splitlines()}
    assert not tops - {
        *("pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md", "hatch_build.py"),
        *("portal", "templates", "static", "tests", "requirements", "docs", ".ci", ".gitignore"),
    }
