"""The PORTAL_* variables of an environment, by the name of the setting; knows nothing of what they mean."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "PORTAL_"
# The switch by which the test suite fails where it would skip is no setting, but shares the prefix.
NOT_SETTINGS = frozenset({"PORTAL_REQUIRE"})
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True)
class Variables:
    """What the environment says, as text.

    Args:
        values: by the name of the setting, such as ``zype_api_key``.
        given: the names of the settings that the environment speaks of, even where that is a fault.
        faults: one sentence each, which starts with the variable's name and holds no value.
        names_a_proxy: whether requests that leave the machine shall go through a proxy.
    """

    values: dict[str, str]
    given: frozenset[str]
    faults: list[str]
    names_a_proxy: bool


def variable(setting: str) -> str:
    """Return the name of a setting's variable."""
    return f"{PREFIX}{setting.upper()}"


def collect(environ: Mapping[str, str], settings: Collection[str], secrets: Collection[str]) -> Variables:
    """Return what an environment says of the settings.

    Args:
        environ: variables by name; white space around a value is dropped, an empty one counts as not set.
        settings: the names of all settings; any other PORTAL_* variable is a fault.
        secrets: those of them that can also be given as the name of a file, in NAME_FILE.
    """
    filled = {name: value for name, text in sorted(environ.items()) if (value := text.strip())}
    plain = {variable(setting): setting for setting in settings}
    files = {f"{variable(setting)}_FILE": setting for setting in secrets}
    values: dict[str, str] = {}
    faults = []
    for name, value in filled.items():
        if name in plain:
            values[plain[name]] = value
        elif name in files and variable(files[name]) in filled:
            faults.append(f"{name}: give either this or the plain variable, not both")
        elif name in files:
            try:
                values[files[name]] = _read(value)
            except ValueError as error:
                faults.append(f"{name}: {error}")
        elif name.startswith(PREFIX) and name not in NOT_SETTINGS:
            faults.append(f"{name}: no such setting; look for a typing error")
    given = frozenset((plain | files)[name] for name in filled if name in plain or name in files)
    return Variables(values, given, faults, any(name in filled for name in PROXIES))


def _read(path: str) -> str:
    """Return what a file holds, without the white space around it.

    Raises:
        ValueError: with the rest of a sentence that starts with the variable's name.
    """
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ValueError("the file that it names can't be read as text") from error
    if not text:
        raise ValueError("the file that it names is empty")
    return text
