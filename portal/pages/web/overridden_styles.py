"""Judges the operator's own static files: which of them are served, and whether a stylesheet breaks those after it."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from portal.pages.web.assets import OTHER_PARTS, STYLESHEETS

TOKENS = "css/tokens.css"
PARTS = tuple(part for parts in STYLESHEETS.values() for part in parts)
# What is no rule: comments and texts.
_NO_RULE = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_ELSEWHERE = re.compile(r"url\(\s*[\"']?(?:https?:)?//", re.IGNORECASE)
_TOKEN = re.compile(r"(--[\w-]+)\s*:")


def style_faults(folder: Path, own: Path) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the files of a folder, each with the file's name.

    Args:
        folder: of the operator.
        own: the folder whose files it replaces.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."):
        name = path.relative_to(folder).as_posix()
        if not any(_is_part(name, pattern) for pattern in (*PARTS, *OTHER_PARTS)):
            yield f"static/{name}", "it would not be served; there are css/components, css/console, img and js"
        elif path.suffix in (".css", ".js"):
            yield from ((f"static/{name}", fault) for fault in _faults_in(name, path, own))


def _is_part(name: str, pattern: str) -> bool:
    # As for Path.glob, a star is no slash.
    return fnmatch(name, pattern) and name.count("/") == pattern.count("/")


def _faults_in(name: str, path: Path, own: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield "it is not in UTF-8"
    else:
        if path.suffix == ".css":
            yield from _faults_of_styles(text)
        if name == TOKENS:
            missing = {*_TOKEN.findall((own / name).read_text(encoding="utf-8"))} - {*_TOKEN.findall(text)}
            yield from (f"it lacks {token}" for token in sorted(missing))


def _faults_of_styles(text: str) -> Iterator[str]:
    rules = _NO_RULE.sub("", text)
    if "/*" in rules:
        yield "a comment has no end"
    elif rules.count("{") != rules.count("}"):
        # All parts are one stylesheet.
        yield f"it has {rules.count('{')} {{ and {rules.count('}')} }}, which would break the stylesheets after it"
    if "@import" in rules:
        yield "browsers ignore @import in it: put the other stylesheet beside it"
    if _ELSEWHERE.search(text):
        yield "it names an address elsewhere, from which pages may load nothing: put the file into static/img"
