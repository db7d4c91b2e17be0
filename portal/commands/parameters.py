"""The kinds of values that several commands take."""

import click


class Id(click.ParamType):
    """The id of a viewer or an agent. It is written to the ledger, where no e-mail address may be."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        # A provider may use an address as the id of an agent; the ledger has that as the actor already.
        if "@" in value and not value.startswith("oidc:"):
            self.fail("Give an id and no e-mail address.", param, ctx)
        # Bytes of the command line that are not UTF-8 can't be printed either.
        if not value or not value.isprintable():
            self.fail("Give an id of characters that can be printed.", param, ctx)
        return value
