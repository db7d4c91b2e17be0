"""The kinds of values that several commands take."""

from typing import Any

import click
from click.types import StringParamType


class Id(StringParamType):
    """The id of a viewer or an agent. It is written to the ledger, where no email address may be."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id, or fail with what is wrong with it."""
        text: str = super().convert(value, param, ctx)
        # A provider may use an address as the id of an agent; the ledger has that as the actor already.
        if "@" in text and not text.startswith("oidc:"):
            self.fail("Give an id and no email address.", param, ctx)
        # Bytes of the command line that are not UTF-8 can't be printed either.
        if not text or not text.isprintable():
            self.fail("Give an id of characters that can be printed.", param, ctx)
        return text
