"""``python -m portal`` is ``zype-activate``."""

from portal.cli import main

main()
