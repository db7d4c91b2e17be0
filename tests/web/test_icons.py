"""What browsers, phones and search engines ask for without a link to it, and the icons that every page names."""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.robotparser import RobotFileParser

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.domain.errors import SettingsError
from portal.pages.web.icons import ico
from portal.settings.loading import load
from tests.harness.cases import each
from tests.harness.internals import flask_client
from tests.harness.page import PageClient

PNG = b"\x89PNG\r\n\x1a\n"
# Accents, as pixels are.
OURS, THEIRS = b"\x1f\x5e\xff", b"\xb3\x26\x1e"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
TOUCH = (
    *("/apple-touch-icon.png", "/apple-touch-icon-precomposed.png", "/apple-touch-icon-120x120.png"),
    *("/apple-touch-icon-180x180-precomposed.png", "/apple-touch-icon-57x57.png", "/apple-touch-icon-152x152.png"),
)


def png(width: int, height: int) -> bytes:
    """Return a PNG as far as it says how large it is."""
    return PNG + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x06\0\0\0"


def size(file: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    assert file.startswith(PNG)
    width, height = struct.unpack(">II", file[16:24])
    return width, height


def pictures(file: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each size that an ICO file claims, 0 for 256 pixels and more, with its picture."""
    reserved, kind, count = struct.unpack("<HHH", file[:6])
    assert (reserved, kind) == (0, 1)
    for number in range(count):
        width, height, _, _, _, _, length, start = struct.unpack("<BBBBHHII", file[6 + 16 * number : 22 + 16 * number])
        assert width == height
        yield width, file[start : start + length]


def ask(client: PageClient, path: str, method: str = "GET") -> TestResponse:
    """Ask for a path as no page does."""
    return flask_client(client).open(path, method=method, base_url=client.settings.public_url)


def content(client: PageClient, path: str) -> bytes:
    """Return what a path answers with 200."""
    with ask(client, path) as answer:
        assert answer.status_code == 200, path
        return answer.get_data()


def icon_links(client: PageClient) -> dict[str, bytes]:
    """Return the content of each icon in the head of a page, by its relation and type."""
    links = client.get("/sign-in").select("link[rel=icon], link[rel=apple-touch-icon]")
    return {f"{link['rel']} {link['type']}": content(client, str(link["href"])) for link in links}


@pytest.fixture
def branded(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], tmp_path: Path
) -> Callable[[str, bytes], PageClient]:
    """Return a maker of browsers at a portal with an icon of the brand: ``branded("icon.svg", content)``."""

    def make(name: str, icon: bytes) -> PageClient:
        (tmp_path / name).write_bytes(icon)
        return browse(make_app(brand_icon=str(tmp_path / name)))

    return make


def test_our_own_icon_comes_in_every_format(client: PageClient) -> None:
    favicon, touch = content(client, "/favicon.ico"), content(client, "/apple-touch-icon.png")

    assert [(claimed, size(picture)) for claimed, picture in pictures(favicon)] == [
        (side, (side, side)) for side in (16, 32, 48)
    ]
    assert size(touch) == (180, 180)
    assert {content(client, path) for path in TOUCH} == {touch}
    links = icon_links(client)
    assert list(links) == ["icon image/x-icon", "icon image/svg+xml", "apple-touch-icon image/png"]
    assert links["icon image/svg+xml"].startswith(b"<svg")
    assert (links["icon image/x-icon"], links["apple-touch-icon image/png"]) == (favicon, touch)
    assert len(favicon) + len(touch) < 8 * 1024


def test_our_own_icon_is_in_the_accent_of_the_brand(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], client: PageClient
) -> None:
    theirs = browse(make_app(brand_accent="#b3261e"))
    assert b'fill="#b3261e"' in icon_links(theirs)["icon image/svg+xml"]
    for path in ("/favicon.ico", "/apple-touch-icon.png"):
        before, after = content(client, path), content(theirs, path)
        assert (OURS in before, THEIRS in before, OURS in after, THEIRS in after) == (True, False, False, True)
        assert len(before) == len(after)
    # A browser reads no chunk whose checksum is wrong.
    picture = content(theirs, "/apple-touch-icon.png")
    start = picture.index(b"PLTE")
    end = start + 4 + int.from_bytes(picture[start - 4 : start])
    assert int.from_bytes(picture[end : end + 4]) == zlib.crc32(picture[start:end])


def test_a_picture_of_the_brand_is_its_icon_everywhere(branded: Callable[[str, bytes], PageClient]) -> None:
    icon = png(512, 512)
    client = branded("icon.png", icon)

    assert list(pictures(content(client, "/favicon.ico"))) == [(0, icon)]
    assert {content(client, path) for path in TOUCH} == {icon}
    assert icon_links(client) == {"icon image/png": icon, "apple-touch-icon image/png": icon}


def test_a_drawing_of_the_brand_is_its_icon_in_tabs(branded: Callable[[str, bytes], PageClient]) -> None:
    client = branded("Our Icon.SVG", SVG)

    assert icon_links(client)["icon image/svg+xml"] == SVG
    assert size(content(client, "/apple-touch-icon.png")) == (180, 180)


def test_pictures_keep_their_size_and_place_in_an_ico_file() -> None:
    files = [png(side, side) + b"x" * side for side in (16, 255, 256)]
    assert list(pictures(ico(*files))) == [(16, files[0]), (255, files[1]), (0, files[2])]


@each("icon", [b"", SVG, PNG, png(179, 179), png(180, 200), b"GIF89a" + png(512, 512)[6:]])
def test_a_picture_that_is_no_icon_is_refused(icon: bytes, tmp_path: Path) -> None:
    (tmp_path / "icon.png").write_bytes(icon)
    with pytest.raises(SettingsError, match="PORTAL_BRAND_ICON: must be an SVG file, or a square PNG"):
        load({"PORTAL_BRAND_ICON": str(tmp_path / "icon.png")})


def test_the_operator_s_files_replace_ours(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], tmp_path: Path
) -> None:
    (tmp_path / "static/img").mkdir(parents=True)
    (tmp_path / "static/img/favicon.ico").write_bytes(b"theirs")
    (tmp_path / "static/robots.txt").write_bytes(b"Theirs.")
    client = browse(make_app(overrides_dir=str(tmp_path)))

    assert content(client, "/favicon.ico") == b"theirs"
    assert content(client, "/robots.txt") == b"Theirs."


def test_they_are_cached_and_need_neither_session_nor_database(
    make_app: Callable[..., Flask], browse: Callable[..., PageClient], tmp_path: Path
) -> None:
    client = browse(make_app(database_url=f"sqlite:///{tmp_path}/no-such-folder/portal.db"))
    for path in ("/favicon.ico", *TOUCH, "/robots.txt"):
        for method in ("GET", "HEAD"):
            with ask(client, path, method) as answer:
                assert answer.status_code == 200, path
                assert answer.headers["Cache-Control"] == "max-age=86400, public", path
                assert answer.headers["ETag"], path
                assert "Set-Cookie" not in answer.headers, path
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'"), path


def test_search_engines_see_the_first_page_alone(client: PageClient) -> None:
    with ask(client, "/robots.txt") as answer:
        assert answer.mimetype == "text/plain"
        lines = answer.text.splitlines()
    robots = RobotFileParser()
    robots.parse(lines)

    assert robots.can_fetch("Any", "/activate")
    for path in ("/", "/activate/done", "/sign-in", "/devices", "/support", "/support/sign-in", "/static/a.css"):
        assert not robots.can_fetch("Any", path), path


def test_a_password_manager_finds_where_a_password_is_changed(
    client: PageClient, make_app: Callable[..., Flask], browse: Callable[..., PageClient]
) -> None:
    address = "/.well-known/change-password"
    assert client.get(address, 303).location == "/sign-in/forgotten"
    theirs = browse(make_app(brand_forgotten_password_url="https://example.com/password"))
    assert theirs.get(address, 303).location == "https://example.com/password"
    # How a browser tells whether a host answers everything below /.well-known with success.
    client.get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", 404)
