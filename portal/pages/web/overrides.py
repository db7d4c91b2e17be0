"""Judges the operator's own templates and stylesheets: each is compared with the one of ours that it replaces."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from portal.pages.web.jinja.components import FOLDER, files_of_macros
from portal.pages.web.overridden_styles import style_faults
from portal.pages.web.template_parts import FIELD, Parts, parts
from portal.settings.package_data import data_dir

TEMPLATES = ("*.html", "*.txt")
FILTER = re.compile(r"\|\s*(\w+)")
# They are only read, so what gives them their texts is all that it needs.
_JINJA = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


def faults(folder: Path) -> list[str]:
    """Return a sentence for everything in PORTAL_OVERRIDES_DIR that would break a page, with the file's name in front.

    How a page looks is the operator's own; that its forms can be sent, and that other templates find what they fill,
    is not.
    """
    if not (folder / "templates").is_dir() and not (folder / "static").is_dir():
        return ["it has neither templates nor static, so it would replace nothing"]
    found = [*_template_faults(folder / "templates"), *style_faults(folder / "static", data_dir("static"))]
    return [f"{file}: {fault}" for file, fault in found]


def _template_faults(folder: Path) -> Iterator[tuple[str, str]]:
    own, theirs = dict(_files(data_dir("templates"))), dict[str, Parts]()
    for name, path in _files(folder):
        try:
            theirs[name] = _parts(path)
        except TemplateSyntaxError as error:
            yield f"templates/{name}", f"line {error.lineno}: {error.message}"
        except UnicodeDecodeError:
            yield f"templates/{name}", "it is not in UTF-8"
    for name, found in theirs.items():
        judged = _missing(found, _parts(own[name])) if name in own else _unknown(name, theirs)
        yield from ((f"templates/{name}", fault) for fault in (*judged, *_dangling(found, folder, own)))


def _parts(path: Path) -> Parts:
    return _parts_of(path.read_text(encoding="utf-8"))


@cache
def _parts_of(source: str) -> Parts:
    return parts(_JINJA, source)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each template with its name."""
    for path in sorted(path for pattern in TEMPLATES for path in folder.rglob(pattern)):
        yield path.relative_to(folder).as_posix(), path


def _missing(found: Parts, own: Parts) -> Iterator[str]:
    """Yield what a template lacks that the one of ours has."""
    yield from (f"it lacks the block {block}" for block in sorted(own.blocks - found.blocks))
    for macro, arguments in sorted(own.macros.items()):
        if macro not in found.macros:
            yield f"it lacks the macro {macro}"
        for name in sorted(arguments - found.macros.get(macro, arguments)):
            yield f"its macro {macro} lacks the argument {name}"
    yield from (f"it has no form that is sent to {action}" for action in sorted(own.actions - found.actions))
    for field in sorted(own.fields - found.fields - {"csrf_token"}):
        yield f'no field of it has name="{field}"' if field == FIELD else f"it lacks the field {field}"
    if found.csrf_tokens < max(found.forms, min(own.csrf_tokens, 1)):
        yield 'a form of it lacks <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">'


def _unknown(name: str, theirs: Mapping[str, Parts]) -> Iterator[str]:
    """Yield that a template replaces none of ours, unless another one of theirs names it or uses a macro of it."""
    others = [found for other, found in theirs.items() if other != name]
    is_named = any(name in found.templates for found in others)
    is_component = name.startswith(f"{FOLDER}/") and any(found.components & {*theirs[name].macros} for found in others)
    if not is_named and not is_component:
        yield "it replaces none of the portal's templates, and no other one of yours names it"


def _dangling(found: Parts, theirs: Path, own: Mapping[str, Path]) -> Iterator[str]:
    """Yield what a template asks of others that there is not."""
    known = own.keys() | dict(_files(theirs)).keys()
    yield from (f"there is no template {name}" for name in sorted(found.templates - known))
    components = files_of_macros((data_dir("templates"), theirs)).keys()
    yield from (f"there is no component {name}" for name in sorted(found.components - components))
    # Few templates have other filters than Jinja's: those that ours have will be there too.
    if unknown := found.filters - _JINJA.filters.keys():
        filters = {name for path in own.values() for name in FILTER.findall(path.read_text(encoding="utf-8"))}
        yield from (f"there is no filter {name}" for name in sorted(unknown - filters))
