"""The components of pages: ``ui.button(…)`` in a template calls the macro ``button`` of a file in ``components``."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

FOLDER = "components"
MACRO = re.compile(r"\{%-? macro (\w+)\(")


class Components:
    """What templates know as ``ui``.

    A component is loaded when a page first uses it, once a process: a template that imported all of them made the first
    page of each worker take a quarter of a second.

    Args:
        environment: loads the templates.
        folders: of templates, each with a folder of components; files of a later one replace those of the same name.
    """

    def __init__(self, environment: Environment, folders: tuple[Path, ...]) -> None:
        self._environment = environment
        self._files = files_of_macros(folders)

    def __getattr__(self, name: str) -> Any:
        """Return a macro. Raises AttributeError if there is none of this name."""
        if name not in self._files:
            raise AttributeError(f"There is no component {name}")
        macro = getattr(self._environment.get_template(self._files[name]).module, name)
        # From here on it is found without this method.
        setattr(self, name, macro)
        return macro


@cache
def files_of_macros(folders: tuple[Path, ...]) -> Mapping[str, str]:
    """Return the template in which each macro of the components is. Read once a process.

    Args:
        folders: of templates, as above.
    """
    paths = {path.name: path for folder in folders for path in sorted((folder / FOLDER).glob("*.html"))}
    texts = {f"{FOLDER}/{name}": path.read_text(encoding="utf-8") for name, path in paths.items()}
    return {macro: template for template, text in texts.items() for macro in MACRO.findall(text)}
