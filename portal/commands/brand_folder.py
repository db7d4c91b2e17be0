"""A brand in a folder: its settings in ``brand.env``, beside the files that they name."""

from pathlib import Path

from portal.domain.errors import SettingsError
from portal.settings.dotenv_file import read_dotenv

SETTINGS_FILE = "brand.env"
PREFIX = "PORTAL_BRAND_"
# Their values are paths.
FILES = ("PORTAL_BRAND_LOGO", "PORTAL_BRAND_LOGO_DARK", "PORTAL_BRAND_ICON", "PORTAL_OVERRIDES_DIR")


def read_brand(folder: Path) -> dict[str, str]:
    """Return the settings of a brand, whose paths are those of its folder made absolute.

    Raises:
        SettingsError: there is no brand in the folder, or a setting that is of no brand.
    """
    found = read_dotenv(folder / SETTINGS_FILE)
    if not found:
        raise SettingsError([f"{folder}: has no {SETTINGS_FILE} with the settings of a brand"])
    others = [name for name in sorted(found) if not name.startswith(PREFIX) and name not in FILES]
    if others:
        raise SettingsError([f"{folder / SETTINGS_FILE}: {name} is no setting of a brand" for name in others])
    return {name: str((folder / value).absolute()) if name in FILES else value for name, value in found.items()}
