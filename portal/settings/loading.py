"""Builds the settings from an environment, and reports all faults at once. No sentence holds a value."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from portal.domain.errors import SettingsError
from portal.settings.environment import collect, variable
from portal.settings.rules import faults_between
from portal.settings.settings import NAMES, SECRETS, Settings


def load(environ: Mapping[str, str]) -> Settings:
    """Build the settings from an environment, as ``collect`` reads it.

    Raises:
        SettingsError: with one sentence for each fault. No sentence holds a value.
    """
    variables = collect(environ, NAMES, SECRETS)
    raw = {**variables.values, "outbound_proxy": variables.has_proxy}
    settings, invalid = _validate(raw)
    for name, message in faults_between(settings, variables.names):
        if invalid.keys().isdisjoint({name, "mode"}):
            invalid[name] = message
    faults = variables.faults + [f"{variable(name)}: {message}" for name, message in invalid.items()]
    if faults:
        raise SettingsError(faults)
    return settings


def _validate(raw: Mapping[str, Any]) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and what is wrong with each value by itself, by the name of the setting."""
    try:
        return Settings.model_validate(raw), {}
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
    # A default that was derived from an invalid value is not the operator's fault.
    invalid = {name: _sentence(fault["msg"]) for fault in errors if (name := str(fault["loc"][0])) in raw}
    # Invalid values are replaced by their defaults, so that the rules between settings are checked at the same time.
    return Settings.model_validate({name: value for name, value in raw.items() if name not in invalid}), invalid


def _sentence(message: str) -> str:
    """Return pydantic's message as the rest of a sentence that starts with the setting's name."""
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
