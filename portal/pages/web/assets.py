"""The static files: read once a process, put together, and named after their content."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from flask import Flask

from portal.pages.web import icons
from portal.pages.web.accent import Accent, stylesheet
from portal.pages.web.jinja.indentation import without_comments
from portal.pages.web.static_files import StaticFile, StaticFiles
from portal.settings.package_data import data_dir
from portal.settings.settings import Settings

URL = "/static/"
# The parts of each stylesheet in their order. Pages of the console load two, viewers' pages the first alone.
STYLESHEETS = {
    "site.css": ("css/tokens.css", "css/base.css", "css/components/*.css"),
    "console.css": ("css/console/*.css",),
    "styleguide.css": ("css/styleguide/*.css",),
}
# What a viewer's page needs of scripts is one file too: each more is a request.
SCRIPT = "site.js"
SCRIPT_PARTS = ("js/pin_link.js", "js/pin_focus.js", "js/progress.js", "js/menu.js")
OTHER_PARTS = ("js/*.js", "img/*", "robots.txt")
# Asked for by browsers, phones and search engines without a link to them.
ROOT_FILES = {**icons.root_paths(), "/robots.txt": "robots.txt"}

OWN_ICONS = frozenset(data_dir("static") / name for name in (icons.DRAWING, icons.FAVICON, icons.TOUCH))
Logos = tuple[Path | None, Path | None]


class Assets:
    """The static files.

    Args:
        accent: the brand's colour, as ``#rrggbb``.
        logos: the brand's, for light and for dark pages.
        icon: the brand's.
        overrides: a folder with files that replace ours of the same name, or are added to them.
    """

    def __init__(self, accent: str, logos: Logos, icon: Path | None, overrides: Path | None) -> None:
        # By the paths at which they are served.
        self.files: dict[str, StaticFile] = {}
        # And those paths by the names of the files.
        self.urls: dict[str, str] = {}
        sources = [data_dir("static"), *([overrides] if overrides else [])]
        for name, parts in STYLESHEETS.items():
            self._add(name, _stylesheet(sources, parts, accent))
        self._add(SCRIPT, _script(sources))
        others = {name: _content(path, accent) for name, path in _files(sources, OTHER_PARTS)}
        for name, content in (others | icons.files(icon)).items():
            self._add(name, content)
        self.icon_links = [(link, self.url(link.name)) for link in icons.links(icon)]
        self.logo, self.logo_dark = (
            self._add(f"brand/{name}{logo.suffix}", logo.read_bytes()) if logo else None
            for name, logo in zip(("logo", "logo-dark"), logos, strict=True)
        )
        # The Link header of every page.
        self.preload = f"<{self.url('site.css')}>; rel=preload; as=style"
        self.files |= {path: self.files[self.url(name)] for path, name in ROOT_FILES.items()}

    def url(self, name: str) -> str:
        """Return the path at which a file is served. Raises KeyError if there is no such file."""
        return self.urls[name]

    def _add(self, name: str, content: bytes) -> str:
        path, file = Path(name), StaticFile(name, content)
        url = URL + path.with_name(f"{path.stem}.{file.digest}{path.suffix}").as_posix()
        self.files[url] = file
        self.urls[name] = url
        return url


@cache
def _assets(accent: str, logos: Logos, icon: Path | None, overrides: Path | None) -> Assets:
    return Assets(accent, logos, icon, overrides)


def init_app(app: Flask, settings: Settings) -> Assets:
    """Serve the static files before Flask is asked."""
    overrides = settings.overrides_dir / "static" if settings.overrides_dir else None
    logos = (settings.brand_logo, settings.brand_logo_dark)
    assets = _assets(settings.brand_accent, logos, settings.brand_icon, overrides)
    app.wsgi_app = StaticFiles(app.wsgi_app, assets.files, immutable=URL)  # type: ignore[method-assign]
    return assets


def _stylesheet(sources: list[Path], parts: tuple[str, ...], accent: str) -> bytes:
    texts = [path.read_text(encoding="utf-8") for _, path in _files(sources, parts)]
    return without_comments("".join([*texts, stylesheet(Accent.of(accent))])).encode()


def _content(path: Path, accent: str) -> bytes:
    content = path.read_bytes()
    return icons.in_colour(content, Accent.of(accent).light.colour) if path in OWN_ICONS else content


def _script(sources: list[Path]) -> bytes:
    # In a block the names of each are its own. They neither import nor export.
    parts = [path.read_text(encoding="utf-8") for _, path in _files(sources, SCRIPT_PARTS)]
    return "".join(f"{{\n{part}}}\n" for part in parts).encode()


def _files(sources: list[Path], patterns: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Yield names and files, in the order of the patterns; files of a later source replace those of an earlier one."""
    for pattern in patterns:
        found = {path.relative_to(source).as_posix(): path for source in sources for path in source.glob(pattern)}
        yield from sorted(found.items())
