"""The portal for those who run a server of their own: ``gunicorn portal.wsgi:app``."""

from portal.app import create_app
from portal.commands.context import read_environment
from portal.domain.errors import SettingsError
from portal.pages.web import logs
from portal.pages.web.overrides import faults
from portal.settings.loading import load

_settings = load(read_environment())
if "secret_key" not in _settings.model_fields_set:
    raise SettingsError(["PORTAL_SECRET_KEY: is required here: each worker would make up one of its own"])
if _settings.overrides_dir and (_faults := faults(_settings.overrides_dir)):
    raise SettingsError([f"PORTAL_OVERRIDES_DIR: {fault}" for fault in _faults])
logs.configure(_settings)
app = create_app(_settings)
