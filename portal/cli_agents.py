"""The commands of local accounts for support staff."""

import click


@click.group()
def agents() -> None:
    """The support staff."""
