"""The command zype-activate. A command is imported when it is named, so that each of them starts fast."""

import atexit
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import click

from portal import __version__
from portal.commands.output import guarded_output
from portal.commands.redacted_output import redacted_output

PRIVATE_UMASK = 0o077
# The module of each command, and its line in the list of commands, which imports none of them.
LAZY_COMMANDS = {
    "agents": ("agents", "The support staff."),
    "audit": ("audit", "The ledger."),
    "db": ("database", "The database."),
    "demo": ("demo", "Try everything, with a simulated Zype and TV and no credentials."),
    "mailer": ("mailer", "Send the mails that let viewers know what was done with their TVs."),
    "sandbox": ("sandbox", "Serve the simulated Zype and its TV alone."),
    "sessions": ("sessions", "The sessions of viewers and support staff."),
    "viewers": ("viewers", "The viewers' data."),
}


@contextmanager
def _fast_imports() -> Iterator[None]:
    """Collect no garbage during the imports of the block: that would take a third of their time, and find nothing.

    Later collections don't look at what was imported either, because it stays until the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class LazyGroup(click.Group):
    """A group whose commands are those of LAZY_COMMANDS and its own."""

    def main(self, *args: Any, **options: Any) -> Any:
        # Its own --help and --version are printed before a command is invoked.
        with guarded_output():
            return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        # click itself ends at a closed pipe, but leaves output that would fail again when the process ends.
        with guarded_output(), redacted_output():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*LAZY_COMMANDS, *self.commands])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LAZY_COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _ = LAZY_COMMANDS[cmd_name]
        with _fast_imports():
            command: click.Command = getattr(import_module(f"portal.commands.{module}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        lines = {name: line for name, (_, line) in LAZY_COMMANDS.items()}
        lines |= {name: command.get_short_help_str(80) for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(lines.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zype-activate")
@click.option("--no-dotenv", is_flag=True, help="Read the settings from the environment alone, and not from .env.")
def main(no_dotenv: bool) -> None:
    """The page where a viewer types the PIN that their TV shows, for video services on Zype."""
    context = click.get_current_context()
    context.meta["no_dotenv"] = no_dotenv
    # Whatever a command writes, such as a database, is for its own account.
    context.call_on_close(partial(os.umask, os.umask(PRIVATE_UMASK)))
    # A process that ends collects no garbage first: that would take it, and each worker that it forks, 0.3 seconds.
    atexit.register(gc.freeze)


@main.command()
def check() -> None:
    """Try every setting and connection, and say of each whether it works."""
    with _fast_imports():
        from portal.commands.check import print_findings

    print_findings()


@main.command()
def serve() -> None:
    """Serve the portal; in sandbox mode, the sandbox too."""
    with _fast_imports():
        from portal.commands.context import environment, load_settings, open_database
        from portal.commands.serve import run_server

    environ = environment()
    settings = load_settings(environ)
    if settings.mode == "sandbox":
        # Only here, because the import takes a fifth of the time in which live mode starts.
        from portal.database.migration import upgrade

        with open_database(settings):
            upgrade(settings.database_url.get_secret_value())
    run_server(settings, environ)
