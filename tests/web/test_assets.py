"""Static files: named after their content, kept for good by browsers, compressed, and the operator's own on top."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from portal.pages.web import assets
from portal.pages.web.accent import Accent, stylesheet
from portal.pages.web.assets import Assets
from portal.settings.loading import load
from portal.settings.package_data import data_dir
from portal.settings.settings import Settings
from tests.harness.cases import each
from tests.harness.page import PageClient

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def settings_with(**given: str) -> Settings:
    return load({f"PORTAL_{name.upper()}": value for name, value in given.items()})


@pytest.fixture
def served() -> Callable[..., tuple[Assets, FlaskClient]]:
    """Return a maker of applications with static files and nothing else."""

    def make(**given: str) -> tuple[Assets, FlaskClient]:
        app = Flask("tests", static_folder=None)
        files = assets.init_app(app, settings_with(**given))
        return files, app.test_client()

    return make


Served = Callable[..., tuple[Assets, FlaskClient]]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("site.css", "text/css"),
        ("console.css", "text/css"),
        ("site.js", "text/javascript"),
        ("js/phonetic.js", "text/javascript"),
        ("img/icon.svg", "image/svg+xml"),
    ],
)
def test_it_serves_a_file_under_a_name_that_browsers_may_keep(name: str, kind: str, served: Served) -> None:
    files, client = served()
    stem, ending = name.rsplit(".", 1)
    assert re.fullmatch(rf"/static/{stem}\.[0-9a-f]{{12}}\.{ending}", files.url(name))
    with client.get(files.url(name)) as answer:
        assert answer.status_code == 200
        assert answer.mimetype == kind
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_it_sends_text_compressed_to_those_who_can_read_it(served: Served) -> None:
    files, client = served()
    for name in ("site.css", "js/pin_link.js", "img/icon.svg"):
        with client.get(files.url(name)) as plain:
            whole = plain.data
        with client.get(files.url(name), headers={"Accept-Encoding": "gzip"}) as packed:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert packed.headers["Vary"] == "Accept-Encoding"
            assert gzip.decompress(packed.data) == whole
            assert len(packed.data) < len(whole)


def test_the_stylesheet_is_put_together_in_order_with_the_accent_last(served: Served) -> None:
    files, client = served(brand_accent="#ffee00")
    with client.get(files.url("site.css")) as answer:
        style = answer.text
    assert style.index("--radius") < style.index(".site-header") < style.index(".pin-field")
    assert style.endswith(stylesheet(Accent.of("#ffee00")))


def test_the_head_of_a_page_names_its_stylesheet_and_that_of_a_redirect_does_not(client: PageClient) -> None:
    for path, status in (("/sign-in", 200), ("/nowhere", 404)):
        page = client.get(path, status)
        [link] = page.headers("Link")
        assert link == f"<{page.select('link[rel=stylesheet]')[0]['href']}>; rel=preload; as=style"
    assert client.get("/devices", 303).headers("Link") == []
    assert client.get("/healthz").headers("Link") == []


def test_only_pages_of_the_console_load_its_stylesheet(client: PageClient) -> None:
    def loaded(path: str) -> list[str]:
        return re.findall(r"/static/(\w+)\.\w+\.css", client.get(path).source)

    assert loaded("/activate") == ["site"]
    assert loaded("/support/sign-in") == ["site", "console"]


def test_a_script_of_several_parts_keeps_the_names_of_each_apart(served: Served, tmp_path: Path) -> None:
    theirs = tmp_path / "static" / "js"
    theirs.mkdir(parents=True)
    (theirs / "pin_focus.js").write_text("const theirs = 1;\n")
    files, client = served(overrides_dir=str(tmp_path))
    with client.get(files.url("site.js")) as answer:
        script = answer.text
    assert "{\nconst theirs = 1;\n}\n" in script
    parts = assets.SCRIPT_PARTS
    assert script.count("\n}\n{\n") == len(parts) - 1
    written = "".join((data_dir("static") / part).read_text("utf-8") for part in parts)
    assert not re.search(r"^\s*(?:import|export)\b", written, re.MULTILINE)


def test_other_content_has_another_name(served: Served) -> None:
    first, _ = served(brand_accent="#000000")
    same, _ = served(brand_accent="#000000")
    other, _ = served(brand_accent="#000001")
    assert first.url("site.css") == same.url("site.css") != other.url("site.css")


def test_the_operator_s_files_replace_ours(served: Served, tmp_path: Path) -> None:
    theirs = tmp_path / "static"
    (theirs / "css/components").mkdir(parents=True)
    (theirs / "img").mkdir()
    (theirs / "css/components/button.css").write_text(".theirs{color:red}")
    (theirs / "css/components/zz_more.css").write_text(".more{color:red}")
    (theirs / "img/icon.svg").write_bytes(LOGO)
    (theirs / "img/extra.svg").write_bytes(LOGO)
    ours, _ = served()
    files, client = served(overrides_dir=str(tmp_path))
    with client.get(files.url("site.css")) as answer:
        assert ".theirs" in answer.text
        assert ".more" in answer.text
    with client.get(files.url("img/icon.svg")) as answer:
        assert answer.data == LOGO
    with client.get(files.url("img/extra.svg")) as answer:
        assert answer.status_code == 200
    assert files.url("js/pin_link.js") == ours.url("js/pin_link.js")


def test_the_brand_s_logos_are_served_and_one_for_light_pages_alone_gets_a_plate(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], tmp_path: Path
) -> None:
    logo, dark = tmp_path / "Our Logo.svg", tmp_path / "dark.svg"
    logo.write_bytes(LOGO)
    dark.write_bytes(LOGO + b"\n")
    client = browse(make_app(brand_logo=str(logo), brand_logo_dark=str(dark)))
    page = client.get("/sign-in")
    image, source = page.select_one(".brand-logo > img"), page.select_one(".brand-logo > source")
    assert client.get(image["src"]).source.encode() == LOGO
    assert client.get(source["srcset"]).source.encode() == LOGO + b"\n"
    assert (image["alt"], source["media"]) == ("Zype Activate", "(prefers-color-scheme: dark)")
    assert not page.select(".brand-logo--plate, .brand-mark")

    page = browse(make_app(brand_logo=str(logo))).get("/sign-in")
    assert page.select(".brand-logo--plate > img")
    assert not page.select(".brand-logo > source")


@each(
    "path",
    [
        "/static/",
        "/static/nothing.css",
        "/static/site.css",
        "/static/css/tokens.css",
        "/static/../portal/settings/settings.py",
        "/static/%2e%2e/portal/settings/settings.py",
        "/static//etc/passwd",
    ],
)
def test_no_other_file_is_served(path: str, served: Served) -> None:
    _, client = served()
    assert client.get(path).status_code == 404


def test_the_compressed_form_is_no_file_of_its_own(served: Served) -> None:
    files, client = served()
    assert client.get(f"{files.url('site.css')}.gz").status_code == 404


def test_a_file_that_is_not_there_fails_when_the_page_is_made(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(KeyError):
        render_template_string("{{ asset('js/nothing.js') }}")


def test_applications_of_one_brand_share_their_files(served: Served) -> None:
    assert served()[0].files is served()[0].files is not served(brand_accent="#123456")[0].files


def test_the_files_are_in_memory_alone(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cleaners of temporary folders, full disks and upgrades of the package in place take none away."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    logo, theirs = tmp_path / "logo.png", tmp_path / "static/img"
    theirs.mkdir(parents=True)
    for file in (logo, theirs / "icon.svg"):
        file.write_bytes(LOGO)
    files, client = served(brand_logo=str(logo), overrides_dir=str(tmp_path), brand_accent="#654321")
    logo.unlink()
    (theirs / "icon.svg").unlink()
    for path in files.files:
        with client.get(path) as answer:
            assert answer.status_code == 200, path
            assert answer.data, path


def test_a_browser_that_has_a_file_is_told_so(served: Served) -> None:
    _, client = served()
    with client.get("/robots.txt") as first:
        assert first.headers["Cache-Control"] == "max-age=86400, public"
        known = {"If-None-Match": first.headers["ETag"]}
    with client.get("/robots.txt", headers=known) as again:
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Cache-Control"] == "max-age=86400, public"
    with client.head("/robots.txt") as head:
        assert (head.status_code, head.data) == (200, b"")
        assert head.content_length == len(first.data)


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("", None), ("gzip;q=0, br;q=0", None), ("gzip, br;q=0", "gzip"), ("gzip, deflate, br", "br"), ("zstd", None)],
)
def test_compression_is_for_those_who_accept_it(accepted: str, encoding: str | None, served: Served) -> None:
    files, client = served()
    with client.get(files.url("site.css"), headers={"Accept-Encoding": accepted}) as answer:
        assert answer.headers.get("Content-Encoding") == encoding


def test_a_part_of_a_file_can_be_had(served: Served) -> None:
    files, client = served()
    path = files.url("img/apple-touch-icon.png")
    with client.get(path) as whole, client.get(path, headers={"Range": "bytes=1-3"}) as part:
        assert (part.status_code, part.data) == (206, b"PNG")
        assert part.headers["Content-Range"] == f"bytes 1-3/{len(whole.data)}"


def test_a_static_file_takes_no_form(served: Served) -> None:
    files, client = served()
    with client.post(files.url("site.css")) as answer:
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD"
