"""Builds the settings from an environment, and reports every fault at once. No sentence holds a value."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from portal.domain.errors import SettingsError
from portal.settings.environment import collect, variable
from portal.settings.rules import faults_between
from portal.settings.settings import NAMES, SECRETS, Settings


def load(environ: Mapping[str, str]) -> Settings:
    """Build the settings from an environment.

    Args:
        environ: variables by name; white space around a value is dropped, and an empty one counts as not set.

    Raises:
        SettingsError: with one sentence for every fault there is. No sentence holds a value.
    """
    variables = collect(environ, NAMES, SECRETS)
    raw = {**variables.values, "outbound_proxy": variables.names_a_proxy}
    wrong = _wrong_values(raw)
    # Those fall back to their defaults, so that the rules between settings are judged in the same go.
    settings = Settings.model_validate({name: value for name, value in raw.items() if name not in wrong})
    for name, text in faults_between(settings, variables.given):
        if wrong.keys().isdisjoint({name, "mode"}):
            wrong[name] = text
    faults = variables.faults + [f"{variable(name)}: {text}" for name, text in wrong.items()]
    if faults:
        raise SettingsError(faults)
    return settings


def _wrong_values(raw: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with each value alone, by field name."""
    try:
        Settings.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        wrong = {str(fault["loc"][0]): _sentence(fault["msg"]) for fault in found}
        # A default that was derived from a wrong value is not the operator's fault.
        return {name: text for name, text in wrong.items() if name in raw}
    return {}


def _sentence(message: str) -> str:
    """Return pydantic's message as the rest of a sentence that starts with the setting's name."""
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
