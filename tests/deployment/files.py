"""Where the files for operators are."""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "docs/deploy"
