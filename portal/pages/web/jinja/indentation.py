"""Pages and stylesheets without the indentation of their sources, which browsers pass over: a fifth of a page."""

import re

from jinja2.ext import Extension

_INDENTATION = re.compile(r"\n[ \t]+")
_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)


def without_indentation(source: str) -> str:
    """Return a source whose lines are indented by one space at most.

    The space may be all that stands between two words, as Jinja takes the end of the line from a tag's. The lines stay,
    so that errors name the right one.
    """
    return _INDENTATION.sub("\n ", source)


def without_comments(style: str) -> str:
    """Return a stylesheet without its comments and its indentation."""
    return without_indentation(_COMMENT.sub("", style))


class UnindentedPages(Extension):
    """Takes the indentation from templates of pages while they are compiled, once a process."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return without_indentation(source)
