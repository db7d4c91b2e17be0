"""Static files: read once a process, named after their content, compressed, and served by WhiteNoise."""

import gzip
import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from copy import copy
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from flask import Flask
from whitenoise import WhiteNoise

from portal.pages.web import icons
from portal.pages.web.headers import STATIC
from portal.settings.package_data import data_dir
from portal.settings.settings import Settings

URL = "/static/"
STYLESHEET = "site.css"
# The parts of the stylesheet in their order.
STYLE_PARTS = ("css/tokens.css", "css/base.css", "css/components/*.css")
OTHER_PARTS = ("js/*.js", "img/*", "robots.txt")
# Asked for by browsers, phones and search engines without a link to them.
ROOT_FILES = {**icons.root_paths(), "/robots.txt": "robots.txt"}
DAY_SECONDS = 24 * 60 * 60
COMPRESSED = (".css", ".js", ".svg")


class Assets:
    """The static files, in a folder that is deleted with this object, or at the end of the process.

    Args:
        accent: the brand's colour, as ``#rrggbb``.
        logo: the brand's.
        icon: the brand's.
        overrides: a folder with files that replace ours of the same name, or are added to them.
    """

    def __init__(self, accent: str, logo: Path | None, icon: Path | None, overrides: Path | None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="zype-activate-static-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._urls: dict[str, str] = {}
        sources = [data_dir("static"), *([overrides] if overrides else [])]
        self._add(STYLESHEET, _stylesheet(sources, accent))
        others = {name: path.read_bytes() for name, path in _files(sources, OTHER_PARTS)}
        for name, content in (others | icons.files(icon)).items():
            self._add(name, content)
        self.icon_links = [(link, self.url(link.name)) for link in icons.links(icon)]
        self.logo = self._add(f"brand/logo{logo.suffix}", logo.read_bytes()) if logo else None

    def url(self, name: str) -> str:
        """Return the path at which a file is served. Raises KeyError if there is no such file."""
        return self._urls[name]

    def path(self, name: str) -> str:
        """Return where a file is in the folder. Raises as ``url``."""
        return str(self.folder / self.url(name).removeprefix(URL))

    @cached_property
    def server(self) -> WhiteNoise:
        """WhiteNoise with all files, in front of no application: looking at each file takes time."""
        server = WhiteNoise(
            None,
            root=str(self.folder),
            prefix=URL,
            autorefresh=False,
            allow_all_origins=False,
            # A name contains the hash of its content, so that never changes.
            immutable_file_test=lambda _path, url: url.startswith(URL),
            max_age=DAY_SECONDS,
            add_headers_function=_add_headers,
        )
        for url, name in ROOT_FILES.items():
            server.add_file_to_dictionary(url, self.path(name))
        return server

    def _add(self, name: str, content: bytes) -> str:
        path = Path(name)
        digest = hashlib.sha256(content).hexdigest()[:12]
        hashed = path.with_name(f"{path.stem}.{digest}{path.suffix}")
        target = self.folder / hashed
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if path.suffix in COMPRESSED:
            # Without the time, so that the files of all workers are equal.
            target.with_name(f"{target.name}.gz").write_bytes(gzip.compress(content, mtime=0))
        self._urls[name] = URL + hashed.as_posix()
        return self._urls[name]


@cache
def _assets(accent: str, logo: Path | None, icon: Path | None, overrides: Path | None) -> Assets:
    return Assets(accent, logo, icon, overrides)


def init_app(app: Flask, settings: Settings) -> Assets:
    """Serve the static files before Flask is asked."""
    overrides = settings.overrides_dir / "static" if settings.overrides_dir else None
    assets = _assets(settings.brand_accent, settings.brand_logo, settings.brand_icon, overrides)
    server = copy(assets.server)
    server.application = app.wsgi_app
    app.wsgi_app = server  # type: ignore[method-assign]
    return assets


def _add_headers(served: Any, _path: str, _url: str) -> None:
    for name, value in STATIC:
        served[name] = value


def on_accent(accent: str) -> str:
    """Return black or white, whichever has more contrast with a ``#rrggbb`` (WCAG 2.2, relative luminance)."""
    red, green, blue = (_linear(int(accent[start : start + 2], 16) / 255) for start in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # The contrast with white is 1.05 / (luminance + 0.05), that with black (luminance + 0.05) / 0.05.
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _stylesheet(sources: list[Path], accent: str) -> bytes:
    parts = [path.read_text(encoding="utf-8") for _, path in _files(sources, STYLE_PARTS)]
    colours = f":root{{--accent:{accent};--on-accent:{on_accent(accent)}}}\n"
    return "".join([*parts, colours]).encode()


def _files(sources: list[Path], patterns: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Yield names and files, in the order of the patterns; files of a later source replace those of an earlier one."""
    for pattern in patterns:
        found = {path.relative_to(source).as_posix(): path for source in sources for path in source.glob(pattern)}
        yield from sorted(found.items())
