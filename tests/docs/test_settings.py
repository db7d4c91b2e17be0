"""docs/settings.md describes exactly the settings that exist, correctly; each check is also shown a fault."""

import re
from pathlib import Path

import pytest

from portal.settings.environment import NOT_SETTINGS, variable
from portal.settings.loading import load
from portal.settings.platforms import injected
from portal.settings.rules import REQUIRED_LIVE
from portal.settings.settings import NAMES, SECRETS, Settings
from tests.docs.pages import PAGES, ROOT, in_backticks, read, rows
from tests.harness.cases import each

SECRET = "0f1e2d3c" * 4


def documented(name: str) -> list[str]:
    """Return the documented default, example and description of a setting."""
    return next(cells[1:] for cells in rows(read("docs/settings.md")) if cells[0] == variable(name))


def same_default(name: str, text: str) -> bool:
    """Tell whether the documented default, given as the variable's value, equals the real default."""
    if Settings.model_fields[name].default_factory is not None:
        return text == "generated at each start"
    default = getattr(Settings(), name)
    if default is None:
        return text == "none"
    return bool(getattr(load({variable(name): in_backticks(text)}), name) == default)


def live(**settings: str) -> Settings:
    """Return live settings with the required ones and these."""
    origin = {"public_url": "https://tv.example.com"}
    given = dict.fromkeys(REQUIRED_LIVE, SECRET) | origin | settings
    return load({"PORTAL_MODE": "live"} | {variable(name): value for name, value in given.items()})


def test_every_setting_is_documented_once_and_no_other() -> None:
    names = [cells[0] for cells in rows(read("docs/settings.md"))]
    assert sorted(names) == sorted(map(variable, NAMES))


def test_rows_are_found_by_their_first_cell() -> None:
    text = "| Setting | Default |\n| --- | --- |\n| `PORTAL_A` | `a|b` |\nnot `PORTAL_B` | a row |\n"
    assert list(rows(text)) == [["PORTAL_A", "`a|b`"]]


@each(
    "name, wrong",
    [("workers", "`3`"), ("brand_logo", "`none.svg`"), ("limit_viewer", "`5/16minutes`"), ("secret_key", "none")],
)
def test_a_wrong_default_is_found(name: str, wrong: str) -> None:
    assert same_default(name, documented(name)[0].partition("; live: ")[0])
    assert not same_default(name, wrong)


@each("name", NAMES)
def test_the_documented_default_is_correct(name: str) -> None:
    default, _, in_live = documented(name)[0].partition("; live: ")
    assert same_default(name, default)
    assert (in_live == "required") == (name in REQUIRED_LIVE)
    if name in REQUIRED_LIVE or name == "mode":
        return
    expected = live(**{name: in_backticks(in_live)}) if in_live else Settings()
    assert getattr(live(), name) == getattr(expected, name)


@each("name", NAMES)
def test_the_documented_example_is_accepted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brand").mkdir(exist_ok=True)
    (tmp_path / "brand" / "logo.svg").touch()
    (tmp_path / "brand" / "logo-dark.svg").touch()
    (tmp_path / "brand" / "icon.svg").touch()
    monkeypatch.chdir(tmp_path)
    example = in_backticks(documented(name)[1])
    assert example
    assert getattr(Settings.model_validate({name: example}), name)


def test_every_secret_is_listed_with_its_file_variable() -> None:
    listed = re.findall(r"^- `(PORTAL_\w+)_FILE`$", read("docs/settings.md"), re.MULTILINE)
    assert listed == [variable(name) for name in SECRETS]


def unknown_variables(text: str) -> set[str]:
    """Return the PORTAL_ names in a text that the portal would refuse; PORTAL_X_* means all names with that prefix."""
    known = {variable(name) for name in NAMES} | {f"{variable(name)}_FILE" for name in SECRETS} | NOT_SETTINGS
    found = set(re.findall(r"\bPORTAL_\w*", text)) - known
    # What the pages say of platforms.
    found -= {name for name in found for value in ("tcp://10.96.14.7:80", "10.96.14.7") if injected({name: value})}
    return {name for name in found if not (name.endswith("_") and any(other.startswith(name) for other in known))}


def test_a_variable_that_does_not_exist_is_found() -> None:
    text = "PORTAL_BRAND_*, PORTAL_PORT, PORTAL_LEDGER_KEY_FILE; PORTAL_MODUS, PORTAL_MODE_FILE, PORTAL_X_*"
    assert unknown_variables(text) == {"PORTAL_MODUS", "PORTAL_MODE_FILE", "PORTAL_X_"}


def test_no_file_for_deployment_names_a_variable_that_does_not_exist() -> None:
    files = [path for path in (ROOT / "docs/deploy").rglob("*") if path.is_file()]
    assert files
    assert {path.name: found for path in files if (found := unknown_variables(path.read_text(encoding="utf-8")))} == {}


@each("page", PAGES)
def test_no_page_names_a_variable_that_does_not_exist(page: Path) -> None:
    assert not unknown_variables(page.read_text(encoding="utf-8"))
