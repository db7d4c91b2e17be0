"""The second brand of the docs: it can be started, and its pages are dressed in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from portal.commands.brand_folder import FILES, read_brand
from portal.domain.errors import SettingsError
from portal.pages.web.accent import Accent
from portal.pages.web.overrides import faults
from portal.settings.environment import PREFIX
from portal.settings.settings import NAMES
from tests.docs.pages import ROOT
from tests.harness.page import PageClient

FOLDER = ROOT / "docs/examples/brand"


def test_the_example_dresses_every_page(make_app: Callable[..., Flask], browse: Callable[..., PageClient]) -> None:
    given = {name.removeprefix(PREFIX).lower(): value for name, value in read_brand(FOLDER).items()}
    brand = {name for name in NAMES if name.startswith("brand_")}
    assert given.keys() == brand | {"overrides_dir"}, "it has every setting of a brand"
    assert faults(Path(given["overrides_dir"])) == []
    assert not Accent.of(given["brand_accent"]).is_adjusted

    page = browse(make_app(**given)).get("/sign-in")
    assert page.text(".site-brand") == page.text(".brand-name") == "Matinée"
    assert page.select(".brand-logo > source")
    assert [link.text for link in page.select(".site-links a")] == ["Support", "Terms", "Privacy"]


def test_a_folder_without_a_brand_and_settings_of_no_brand_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"has no brand\.env"):
        read_brand(tmp_path)
    (tmp_path / "brand.env").write_text("PORTAL_BRAND_NAME=Example TV\nPORTAL_MODE=live\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="PORTAL_MODE is no setting of a brand"):
        read_brand(tmp_path)


def test_the_paths_are_those_of_its_folder() -> None:
    found = read_brand(FOLDER)
    assert all(Path(found[name]).exists() for name in FILES)
