"""What every template is given, and a Jinja that raises on undefined names."""

from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

from babel import Locale
from flask import Flask, request
from jinja2 import FileSystemLoader, StrictUndefined

from portal.pages.identity.agent import cached_agent
from portal.pages.identity.viewer import cached_viewer
from portal.pages.web import language, times
from portal.pages.web.assets import Assets
from portal.pages.web.jinja.components import Components
from portal.pages.web.jinja.environment import page_environment
from portal.pages.web.jinja.indentation import UnindentedPages
from portal.pages.web.origins import CONSOLE, is_console_origin
from portal.pages.web.paths import HOME
from portal.settings.package_data import data_dir
from portal.settings.settings import Settings


def init_app(app: Flask, settings: Settings, assets: Assets) -> None:
    """Give the templates the brand, the language, and the viewer or agent who is signed in.

    The operator's own templates, in ``templates`` of PORTAL_OVERRIDES_DIR, replace ours of the same name. A page looks
    up no viewer or agent that its request has not looked up already: the pages for errors must not fail.
    """
    language.init_app(app)
    times.register(app.jinja_env)
    templates = page_environment(app)
    templates.undefined = StrictUndefined
    templates.add_extension(UnindentedPages)
    templates.trim_blocks = True
    templates.lstrip_blocks = True
    templates.globals["asset"] = assets.url
    folders = [data_dir("templates"), *([settings.overrides_dir / "templates"] if settings.overrides_dir else [])]
    app.jinja_loader = FileSystemLoader(folders[::-1])
    templates.folders = tuple(folders)
    templates.preload = assets.preload
    templates.globals["ui"] = Components(templates, templates.folders)
    # Only who is at this machine can open the sandbox itself.
    has_own_sandbox = settings.mode == "sandbox" and settings.sandbox_public == "no"
    templates.globals["sandbox_url"] = settings.zype_api_url if has_own_sandbox else None
    templates.asset_urls = assets.urls
    templates.constants = _of_every_page(settings, assets)
    templates.globals |= templates.constants
    templates.of_language, templates.of_request = _of_language, _of_request


def _of_every_page(settings: Settings, assets: Assets) -> dict[str, Any]:
    # Attributes: Jinja looks for them before it looks for keys.
    brand = SimpleNamespace(
        name=settings.brand_name,
        initial=next(filter(str.isalnum, settings.brand_name), "")[:1].upper(),
        logo_url=assets.logo,
        logo_dark_url=assets.logo_dark,
        icon_links=[(asdict(link), url) for link, url in assets.icon_links],
        support_url=settings.brand_support_url,
        terms_url=settings.brand_terms_url,
        privacy_url=settings.brand_privacy_url,
        forgotten_password_url=settings.brand_forgotten_password_url,
        sign_up_url=settings.brand_sign_up_url,
    )
    return {"brand": brand, "is_sandbox": settings.mode == "sandbox", "languages": tuple(language.choices())}


def _of_language(locale: Locale) -> dict[str, str]:
    return {"current_language": language.code(locale), "text_direction": locale.text_direction}


def _of_request() -> dict[str, Any]:
    path = request.path
    return {
        "path": path,
        "home_path": CONSOLE if is_console_origin() else HOME,
        "identity": cached_viewer(),
        "agent": cached_agent(),
        "return_path": language.page_to_return_to(path),
    }
