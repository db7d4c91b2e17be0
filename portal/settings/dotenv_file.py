"""The file .env: lines NAME=value, which count as variables of the environment."""

import io
from pathlib import Path

from dotenv.parser import parse_stream

from portal.domain.errors import SettingsError
from portal.settings.text_files import UnreadableText, read_text


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of a .env file, the last line of a name; none if there is no file.

    No value refers to another: ``${NAME}`` is what a password may contain, whether it is in quotes or not.

    Raises:
        SettingsError: it can't be read, or a line can't be understood. No sentence holds a value.
    """
    try:
        text = read_text(path)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise SettingsError([f"{path}: is a link to a file that does not exist"]) from error
        return {}
    except UnreadableText as error:
        raise SettingsError([f"{path}: {error}"]) from error
    # Not dotenv_values(): it puts variables into values, and only logs which lines it did not understand.
    bindings = [binding for binding in parse_stream(io.StringIO(text)) if binding.key or binding.error]
    faults = [
        f"{path}: line {_line(binding.original.string, binding.original.line)} is not NAME=value; look for a missing "
        "= or quote"
        for binding in bindings
        if binding.error or binding.value is None
    ]
    if faults:
        raise SettingsError(faults)
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def dotenv_line(name: str, value: str) -> str:
    """Return the line of a .env file that gives a variable this value."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'\n"


def _line(original: str, first: int) -> int:
    """Return the number of the line in which a statement begins; empty lines before it are part of it."""
    return first + (original[: len(original) - len(original.lstrip())]).count("\n")
