"""Pages are compressed for clients that accept it, unless another site may have chosen a part of them."""

import gzip

import brotli
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.pages.web.compression import Encoding, accepted_encoding
from portal.services import EXTENSION

UNPACK = {Encoding.BROTLI: brotli.decompress, Encoding.GZIP: gzip.decompress}
PAGE = "/sign-in"


def get(app: Flask, path: str = PAGE, method: str = "GET", **headers: str) -> TestResponse:
    url = app.extensions[EXTENSION].settings.public_url
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().open(path, method=method, base_url=url, headers=given)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        (None, None),
        ("identity", None),
        ("gzip, deflate, br, zstd", Encoding.BROTLI),
        ("gzip;q=1.0, br;q=0", Encoding.GZIP),
        ("*", Encoding.BROTLI),
        ("br;q=x, \0", None),
    ],
)
def test_the_best_encoding_that_the_client_accepts(header: str | None, encoding: Encoding | None) -> None:
    assert accepted_encoding(header) == encoding


def test_a_page_is_the_same_in_every_encoding(app: Flask) -> None:
    plain = get(app)
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.vary
    for encoding, unpack in UNPACK.items():
        packed = get(app, Accept_Encoding=encoding)
        assert packed.headers["Content-Encoding"] == encoding
        assert "Accept-Encoding" in packed.vary
        assert packed.content_length == len(packed.data) < len(plain.data) / 2
        assert "<!DOCTYPE html>" in unpack(packed.data).decode()
        assert get(app, method="HEAD", Accept_Encoding=encoding).data == b""


def test_an_error_is_compressed_and_a_redirect_is_not(app: Flask) -> None:
    assert get(app, "/nowhere", Accept_Encoding="br").headers["Content-Encoding"] == "br"
    redirect = get(app, "/devices", Accept_Encoding="br")
    assert redirect.status_code == 303
    assert "Content-Encoding" not in redirect.headers


@pytest.mark.parametrize(
    ("site", "is_compressed"), [("none", True), ("same-origin", True), ("same-site", False), ("cross-site", False)]
)
def test_a_page_that_another_site_sent_the_browser_to_is_not_compressed(
    site: str, is_compressed: bool, app: Flask
) -> None:
    page = get(app, Accept_Encoding="br", Sec_Fetch_Site=site)
    assert ("Content-Encoding" in page.headers) is is_compressed
