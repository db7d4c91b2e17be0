"""Collects the PORTAL_* variables of an environment by the name of the setting. It does not know what they mean."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.settings.platforms import injected
from portal.settings.text_files import UnreadableText, read_text

PREFIX = "PORTAL_"
# Makes the test suite fail where it would skip. It is not a setting, but has the same prefix.
NOT_SETTINGS = frozenset({"PORTAL_REQUIRE"})
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True)
class Variables:
    """The variables of an environment, as text.

    Args:
        values: by the name of the setting, such as ``zype_api_key``.
        names: of the settings that the environment sets, even those that could not be read.
        faults: one sentence each, which starts with the variable's name and holds no value.
        has_proxy: whether requests that leave this machine have to go through a proxy.
    """

    values: dict[str, str]
    names: frozenset[str]
    faults: list[str]
    has_proxy: bool


def variable(setting: str) -> str:
    """Return the name of a setting's variable."""
    return f"{PREFIX}{setting.upper()}"


def collect(environ: Mapping[str, str], settings: Collection[str], secrets: Collection[str]) -> Variables:
    """Return the settings' variables of an environment.

    Args:
        environ: variables by name; white space around a value is dropped, and an empty one counts as not set.
        settings: the names of all settings; any other PORTAL_* variable is a fault, unless a platform set it.
        secrets: the settings that can also be in a file, which NAME_FILE names.
    """
    filled = {name: value for name, text in sorted(environ.items()) if (value := text.strip())}
    plain = {variable(setting): setting for setting in settings}
    files = {f"{variable(setting)}_FILE": setting for setting in secrets}
    platform = injected(filled)
    values: dict[str, str] = {}
    faults = []
    for name, value in filled.items():
        if name in plain and _is_text(value):
            values[plain[name]] = value
        elif name in plain:
            faults.append(f"{name}: is not in UTF-8")
        elif name in files and variable(files[name]) in filled:
            faults.append(f"{name}: give either this or the plain variable, not both")
        elif name in files:
            try:
                values[files[name]] = _read(value)
            except ValueError as error:
                faults.append(f"{name}: {error}")
        elif name.startswith(PREFIX) and name not in NOT_SETTINGS | platform:
            faults.append(f"{name}: no such setting; look for a typing error")
    names = frozenset(setting for name, setting in (plain | files).items() if name in filled)
    return Variables(values, names, faults, has_proxy=any(name in filled for name in PROXIES))


def _is_text(value: str) -> bool:
    """Tell whether a value can be written. Python keeps bytes of an environment that are not UTF-8 as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _read(path: str) -> str:
    """Return a file's text, or raise ValueError with the rest of a sentence that starts with the variable's name."""
    try:
        text = read_text(Path(path)).strip()
    except FileNotFoundError as error:
        raise ValueError("the file that it names does not exist") from error
    except UnreadableText as error:
        raise ValueError(f"the file that it names {error}") from error
    if not text:
        raise ValueError("the file that it names is empty")
    return text
