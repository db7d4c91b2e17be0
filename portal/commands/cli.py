"""The command zype-activate. Each command imports what it needs when it runs, so that each starts fast."""

import atexit
import gc
from functools import cached_property
from importlib import import_module

import click

from portal import __version__


class LazyGroup(click.Group):
    """A group of commands that is imported when one of its commands is named or listed.

    Args:
        name: of the group, and of the ``click.Group`` in its module.
        module: where the commands are.
        help: what the list of all commands says of the group.
    """

    def __init__(self, name: str, module: str, help: str) -> None:
        super().__init__(name, help=help)
        self._module = module

    @cached_property
    def _group(self) -> click.Group:
        group: click.Group = getattr(import_module(self._module), self.name or "")
        return group

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return self._group.list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or none."""
        return self._group.get_command(ctx, cmd_name)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zype-activate")
def main() -> None:
    """The page where a viewer types the PIN that their TV shows, for video services on Zype."""
    # A process that ends collects no garbage first: that would take it, and each worker that it forks, 0.3 seconds.
    atexit.register(gc.freeze)


main.add_command(LazyGroup("agents", "portal.commands.agents", help="The support staff."))
main.add_command(LazyGroup("audit", "portal.commands.audit", help="The ledger."))
main.add_command(LazyGroup("db", "portal.commands.database", help="The database."))


@main.command()
@click.option("--once", is_flag=True, help="Stop as soon as everything is up.")
def demo(once: bool) -> None:
    """Try everything, with a simulated Zype and TV and no credentials."""
    from portal.commands.demo import run_demo

    run_demo(once)


@main.command()
def serve() -> None:
    """Serve the portal; in sandbox mode, the sandbox too."""
    from portal.commands.context import environment, load_settings
    from portal.commands.folders import metrics_folder

    environ = environment()
    settings = load_settings(environ)
    with metrics_folder(settings):
        # Imported here, because the client of Prometheus looks for the folder when it is imported.
        from portal.commands.serve import run_server

        run_server(settings, environ)


@main.command()
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input ends.")
def sandbox(stop_with_stdin: bool) -> None:
    """Serve the simulated Zype and its TV alone."""
    from portal.commands.sandbox import run_sandbox

    run_sandbox(stop_with_stdin)


@main.command()
@click.option("--once", is_flag=True, help="Send what is due, and end.")
@click.option("--quiet", is_flag=True, help="Log warnings and errors alone.")
@click.option("--stop-with-stdin", is_flag=True, help="Stop when standard input ends.")
def mailer(once: bool, quiet: bool, stop_with_stdin: bool) -> None:
    """Send the mails that let viewers know what was done with their TVs."""
    from portal.commands.mailer import run_mailer

    run_mailer(once, quiet, stop_with_stdin)


@main.command()
def check() -> None:
    """Try every setting and connection, and say of each whether it works."""
    from portal.commands.check import run_check

    run_check()
