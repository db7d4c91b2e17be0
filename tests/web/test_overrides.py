"""The operator's own files are judged before the portal starts: what breaks a page is said in a sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.pages.web.overrides import faults
from portal.settings.package_data import data_dir
from tests.harness.cases import each

TEMPLATES, STATIC = data_dir("templates"), data_dir("static")
Replace = Callable[..., list[str]]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Return a function that writes a file of an operator, and returns what is found in it, without its name."""

    def judge(name: str, text: str) -> list[str]:
        shutil.rmtree(tmp_path / "brand", ignore_errors=True)
        file = tmp_path / "brand" / name
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
        found = faults(tmp_path / "brand")
        assert all(fault.startswith(f"{name}: ") for fault in found), found
        return [fault.removeprefix(f"{name}: ") for fault in found]

    return judge


Judge = Callable[[str, str], list[str]]


def replaced(name: str, old: str, new: str) -> str:
    text = (data_dir(name.partition("/")[0]).parent / name).read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {name} any more"
    return text.replace(old, new)


def test_our_own_files_are_sound(tmp_path: Path) -> None:
    # The other folders have templates of the same kinds, and take as long again.
    others = shutil.ignore_patterns("styleguide", "staff", "support")
    for folder in (TEMPLATES, STATIC):
        shutil.copytree(folder, tmp_path / folder.name, ignore=others)
    assert faults(tmp_path) == []


@each(
    "name, old, new, fault",
    [
        ("templates/base.html", "{% block main %}{% endblock %}", "", "it lacks the block main"),
        ("templates/activate/enter_pin.html", "{% block title %}", "{% block headline %}", "it lacks the block title"),
        (
            "templates/activate/enter_pin.html",
            'ui.form("/activate"',
            'ui.form("/"',
            "no form that is sent to /activate",
        ),
        ("templates/activate/enter_pin.html", "form.pin", "form.pni", "it lacks the field pin"),
        ("templates/activate/enter_pin.html", 'name="original"', "", "it lacks the field original"),
        (
            "templates/components/field.html",
            'name="{{ input.name }}"',
            "",
            'no field of it has name="{{ input.name }}"',
        ),
        ("templates/components/account.html", 'name="keep_pin"', "", "it lacks the field keep_pin"),
        ("templates/components/form.html", "csrf_token()", "''", "a form of it lacks <input type"),
        (
            "templates/auth/sign_in.html",
            "{% block main %}",
            '{% block main %}<form method="post">',
            "a form of it lacks",
        ),
        ("templates/components/button.html", "macro button(", "macro knob(", "it lacks the macro button"),
        ("templates/components/button.html", ", href=None", "", "its macro button lacks the argument href"),
        ("templates/components/button.html", "{% endif %}", "{% endfi %}", "line "),
        ("templates/auth/sign_in.html", "ui.hint(", "ui.hnit(", "there is no component hnit"),
        ("templates/auth/sign_in.html", '"base.html"', '"bsae.html"', "there is no template bsae.html"),
        ("templates/auth/sign_in.html", "next|urlencode", "next|urlcode", "there is no filter urlcode"),
        ("templates/mail/base.txt", "{% block who ", "{% block woh ", "it lacks the block who"),
        ("static/css/tokens.css", "--radius:", "--round:", "it lacks --radius"),
        ("static/css/base.css", "h1 {", "h1 ", "which would break the stylesheets after it"),
        ("static/css/components/form.css", ".form {", "/* .form {", "a comment has no end"),
        ("static/css/base.css", "h1 {", "@import 'x.css'; h1 {", "browsers ignore @import in it"),
        ("static/css/base.css", "h1 {", "b { background: url(//cdn.example/x) } h1 {", "it names an address elsewhere"),
    ],
)
def test_what_a_file_lost_is_named(name: str, old: str, new: str, fault: str, judged: Judge) -> None:
    found = judged(name, replaced(name, old, new))
    assert any(fault in each_fault for each_fault in found), found


def test_a_form_may_be_written_without_the_component(judged: Judge) -> None:
    form = '<form method="post" action="/activate"><input name="csrf_token" value="{{ csrf_token() }}">{% if true %}'
    own = replaced("templates/activate/enter_pin.html", "{% call ui.form(", "{% set _ = (")
    start = own.index("{% set _ = (")
    written = own[:start] + form + own[own.index("%}", start) + 2 :].replace("{% endcall %}", "{% endif %}</form>", 1)
    assert judged("templates/activate/enter_pin.html", written) == []


def test_a_file_that_replaces_nothing_is_named(judged: Judge, tmp_path: Path) -> None:
    [fault] = judged("templates/activate/enter_pni.html", "<p>")
    assert fault == "it replaces none of the portal's templates, and no other one of yours names it"
    for name in ("static/css/more.css", "static/fonts/our.woff2", "static/css/components/more/x.css"):
        assert "it would not be served" in judged(name, "")[0], name
    assert judged("static/css/components/more.css", "b { color: red }") == []
    assert judged("static/img/more.svg", "<svg/>") == []
    (tmp_path / "empty").mkdir()
    assert faults(tmp_path / "empty") == ["it has neither templates nor static, so it would replace nothing"]


def test_a_template_of_the_operator_s_own_is_one_that_another_names(judged: Judge, tmp_path: Path) -> None:
    name = "templates/auth/sign_in.html"
    text = replaced(name, "{% block main %}", "{% block main %}{{ ui.shout() }}{% include 'ours/more.html' %}")
    assert judged(name, text) == ["there is no template ours/more.html", "there is no component shout"]
    shout = "{% macro shout() %}!{% endmacro %}"
    for other, source in (("auth/sign_in.html", text), ("ours/more.html", "<p>"), ("components/shout.html", shout)):
        file = tmp_path / "whole/templates" / other
        file.parent.mkdir(parents=True)
        file.write_text(source, encoding="utf-8")
    assert faults(tmp_path / "whole") == []


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    names = ("templates/base.html", "static/css/base.css", "static/js/menu.js")
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"\xff\xfe")
    assert faults(tmp_path) == [f"{name}: it is not in UTF-8" for name in names]
