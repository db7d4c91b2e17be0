"""The static files: read once a process, put together, and named after their content."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from flask import Flask

from portal.pages.web import icons
from portal.pages.web.static_files import StaticFile, StaticFiles
from portal.settings.package_data import data_dir
from portal.settings.settings import Settings

URL = "/static/"
# The parts of each stylesheet in their order. Pages of the console load both, viewers' pages the first alone.
STYLESHEETS = {
    "site.css": ("css/tokens.css", "css/base.css", "css/components/*.css"),
    "console.css": ("css/console/*.css",),
}
# What a viewer's page needs of scripts is one file too: each more is a request.
SCRIPT = "site.js"
SCRIPT_PARTS = ("js/pin_link.js", "js/pin_focus.js", "js/progress.js", "js/menu.js")
OTHER_PARTS = ("js/*.js", "img/*", "robots.txt")
# Asked for by browsers, phones and search engines without a link to them.
ROOT_FILES = {**icons.root_paths(), "/robots.txt": "robots.txt"}


class Assets:
    """The static files.

    Args:
        accent: the brand's colour, as ``#rrggbb``.
        logo: the brand's.
        icon: the brand's.
        overrides: a folder with files that replace ours of the same name, or are added to them.
    """

    def __init__(self, accent: str, logo: Path | None, icon: Path | None, overrides: Path | None) -> None:
        # By the paths at which they are served.
        self.files: dict[str, StaticFile] = {}
        self._urls: dict[str, str] = {}
        sources = [data_dir("static"), *([overrides] if overrides else [])]
        for stylesheet, parts in STYLESHEETS.items():
            self._add(stylesheet, _stylesheet(sources, parts, accent))
        self._add(SCRIPT, _script(sources))
        others = {name: path.read_bytes() for name, path in _files(sources, OTHER_PARTS)}
        for name, content in (others | icons.files(icon)).items():
            self._add(name, content)
        self.icon_links = [(link, self.url(link.name)) for link in icons.links(icon)]
        self.logo = self._add(f"brand/logo{logo.suffix}", logo.read_bytes()) if logo else None
        self.files |= {path: self.files[self.url(name)] for path, name in ROOT_FILES.items()}

    def url(self, name: str) -> str:
        """Return the path at which a file is served. Raises KeyError if there is no such file."""
        return self._urls[name]

    def _add(self, name: str, content: bytes) -> str:
        path, file = Path(name), StaticFile(name, content)
        url = URL + path.with_name(f"{path.stem}.{file.digest}{path.suffix}").as_posix()
        self.files[url] = file
        self._urls[name] = url
        return url


@cache
def _assets(accent: str, logo: Path | None, icon: Path | None, overrides: Path | None) -> Assets:
    return Assets(accent, logo, icon, overrides)


def init_app(app: Flask, settings: Settings) -> Assets:
    """Serve the static files before Flask is asked."""
    overrides = settings.overrides_dir / "static" if settings.overrides_dir else None
    assets = _assets(settings.brand_accent, settings.brand_logo, settings.brand_icon, overrides)
    app.wsgi_app = StaticFiles(app.wsgi_app, assets.files, immutable=URL)  # type: ignore[method-assign]
    return assets


def on_accent(accent: str) -> str:
    """Return black or white, whichever has more contrast with a ``#rrggbb`` (WCAG 2.2, relative luminance)."""
    red, green, blue = (_linear(int(accent[start : start + 2], 16) / 255) for start in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # The contrast with white is 1.05 / (luminance + 0.05), that with black (luminance + 0.05) / 0.05.
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _stylesheet(sources: list[Path], parts: tuple[str, ...], accent: str) -> bytes:
    texts = [path.read_text(encoding="utf-8") for _, path in _files(sources, parts)]
    colours = f":root{{--accent:{accent};--on-accent:{on_accent(accent)}}}\n"
    return "".join([*texts, colours]).encode()


def _script(sources: list[Path]) -> bytes:
    # In a block the names of each are its own. They neither import nor export.
    parts = [path.read_text(encoding="utf-8") for _, path in _files(sources, SCRIPT_PARTS)]
    return "".join(f"{{\n{part}}}\n" for part in parts).encode()


def _files(sources: list[Path], patterns: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Yield names and files, in the order of the patterns; files of a later source replace those of an earlier one."""
    for pattern in patterns:
        found = {path.relative_to(source).as_posix(): path for source in sources for path in source.glob(pattern)}
        yield from sorted(found.items())
