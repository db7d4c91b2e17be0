"""Compiled templates that all portals of a run of the tests share."""

from types import CodeType

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

from tests.harness.run_folder import run_folder


class CompiledTemplates(FileSystemBytecodeCache):
    """The templates as they were first compiled, by whichever process, so that no other portal need do it again."""

    def __init__(self) -> None:
        folder = run_folder() / "templates"
        folder.mkdir(exist_ok=True)
        super().__init__(str(folder))
        self._code: dict[tuple[str, str], CodeType] = {}

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
