"""Hosts are compared as browsers write them."""

import pytest

from portal.domain.hosts import without_default_port


@pytest.mark.parametrize(
    ("host", "scheme", "plain"),
    [
        ("TV.example.com:443", "https", "tv.example.com"),
        ("tv.example.com:80", "http", "tv.example.com"),
        ("tv.example.com:80", "https", "tv.example.com:80"),
        ("tv.example.com:8443", "https", "tv.example.com:8443"),
        ("[2001:db8::443]", "https", "[2001:db8::443]"),
        ("tv.example.com:443", "", "tv.example.com:443"),
    ],
)
def test_a_host_is_without_the_port_of_its_scheme(host: str, scheme: str, plain: str) -> None:
    assert without_default_port(host, scheme) == plain
