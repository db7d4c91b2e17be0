"""Compiled templates that all portals of a run of the tests share."""

from collections.abc import MutableMapping
from types import CodeType
from typing import Any

from flask import Flask
from flask.templating import DispatchingJinjaLoader
from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, Template
from jinja2.bccache import Bucket

from portal.settings.package_data import data_dir
from tests.harness.run_folder import run_folder


class CompiledTemplates(FileSystemBytecodeCache):
    """The templates as they were first compiled, by whichever process, so that no other portal need do it again."""

    def __init__(self) -> None:
        folder = run_folder() / "templates"
        folder.mkdir(exist_ok=True)
        super().__init__(str(folder))
        self._code: dict[tuple[str, str], CodeType] = {}

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        """Return the place of a template with what is written into it: texts, components, and constants."""
        key = f"{_written_in(environment)}/{getattr(environment, 'folders', ())}/{name}"
        return super().get_bucket(environment, key, filename, source)

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the code of a template, if it was compiled before from the same source."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))
        if bucket.code is None:
            super().load_bytecode(bucket)
            self._keep(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of a template."""
        super().dump_bytecode(bucket)
        self._keep(bucket)

    def _keep(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


class ReadOnce(DispatchingJinjaLoader):
    """Loads the portal's own templates from their files once a process, and those of an operator each time."""

    _code: dict[tuple[str, str], CodeType] = {}  # noqa: RUF012 - All portals of the process share it.

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:
        """Return a template."""
        loader, cache = self.app.jinja_loader, environment.bytecode_cache
        is_ours = isinstance(loader, FileSystemLoader) and loader.searchpath == [str(data_dir("templates"))]
        if not is_ours or cache is None:
            return super().load(environment, name, globals)
        key = _written_in(environment), name
        if key not in self._code:
            super().load(environment, name, globals)
            source, file, _ = self.get_source(environment, name)
            code = cache.get_bucket(environment, name, file, source).code
            assert code is not None, f"{name} was loaded, and is not in the cache"
            self._code[key] = code
        return environment.template_class.from_code(environment, self._code[key], globals or {})


def _written_in(environment: Environment) -> str:
    """Return what differs between portals in the code of their templates."""
    return repr([getattr(environment, name, None) for name in ("language", "constants", "asset_urls")])


def read_templates_once() -> None:
    """Let every portal that this process makes from here on load its templates so."""
    # A class by itself would be called without the app.
    Flask.create_global_jinja_loader = lambda app: ReadOnce(app)
