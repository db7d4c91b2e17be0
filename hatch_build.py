"""Compiles the translations when a wheel or an sdist is built, so that no compiled file is committed."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileTranslations(BuildHookInterface[Any]):
    """Writes a .mo beside each .po under portal/translations."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile each catalogue; hatchling calls this before it collects files."""
        for source in Path(self.root, "portal", "translations").rglob("*.po"):
            with source.open("rb") as file:
                catalogue = read_po(file, locale=source.parent.parent.name)
            with source.with_suffix(".mo").open("wb") as file:
                write_mo(file, catalogue)
