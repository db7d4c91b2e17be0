"""``python -m portal`` is ``zype-activate``."""

from portal.commands.cli import main

main()
