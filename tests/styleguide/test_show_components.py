"""The styleguide has every component, with the states in which pages show it."""

import re
from collections.abc import Callable

from flask import Flask

from portal.pages.styleguide.states import beside_others, states
from portal.pages.web.jinja.components import files_of_macros
from portal.settings.package_data import data_dir
from tests.harness.environment import live_environ
from tests.harness.page import PageClient

TEMPLATES = data_dir("templates")
CALL = re.compile(r"\bui\.(\w+)\(")


def test_every_component_has_its_states_and_no_other_has() -> None:
    components = {path.stem for path in (TEMPLATES / "components").glob("*.html")}
    assert components == set(states())
    assert [component for component, found in states().items() if not found] == []


def test_the_states_of_a_component_show_each_macro_of_it_that_a_page_calls() -> None:
    rooms = ("activate", "auth", "devices", "errors", "staff", "support")
    pages = [TEMPLATES / "base.html", *(path for room in rooms for path in (TEMPLATES / room).rglob("*.html"))]
    called = {name for path in pages for name in CALL.findall(path.read_text(encoding="utf-8"))}
    files = files_of_macros((TEMPLATES,))
    sources = {component: " ".join(state.source for state in found) for component, found in states().items()}
    wanted = {(name, files[name].removeprefix("components/").removesuffix(".html")) for name in called}

    assert [(name, component) for name, component in wanted if name not in CALL.findall(sources[component])] == []


def test_a_state_has_ids_of_its_own_and_leaves_landmarks_and_the_focus_to_the_page() -> None:
    assert beside_others('<nav class="a"><a></a></nav>', 7) == '<div role="group" class="a"><a></a></div>'
    html = '<label for="pin">PIN</label><input id="pin" aria-describedby="main hint"\n autofocus><p id="hint"></p>'
    assert beside_others(html, 7) == (
        '<label for="pin-7">PIN</label><input id="pin-7" aria-describedby="main hint-7"><p id="hint-7"></p>'
    )
    assert beside_others('<button form="entry">Go</button><a href="#main">Up</a>', 7).count("-7") == 0
    assert (
        beside_others('<form id="entry"></form><button form="entry"></button><a href="#entry"></a>', 7).count("-7") == 3
    )


def test_there_is_none_where_viewers_are_real(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], environ: dict[str, str]
) -> None:
    environ.update(live_environ(environ))
    browse(make_app()).get("/styleguide", 404)
