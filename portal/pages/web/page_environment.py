"""The Jinja of pages: it compiles each template once a language, and translates its texts while it does."""

from collections.abc import Callable, MutableMapping
from itertools import count
from pathlib import Path
from threading import RLock
from types import CodeType
from typing import Any, Self, cast

from babel import Locale
from babel.support import NullTranslations
from flask import Flask
from flask.templating import Environment
from jinja2 import BaseLoader, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import EvalContext
from jinja2.visitor import NodeTransformer

from portal.pages.web.components import Components, files_of_macros
from portal.pages.web.expansion import Component, Expansion, Place, component_of
from portal.pages.web.syntax_trees import join_outputs


class Texts(NodeTransformer):
    """Puts the translation in the place of ``_("…")`` and of ``{% trans %}``, for which Jinja writes ``gettext("…")``.

    What is shown is what Jinja's own ``gettext`` would have returned: the translation is markup, what it names is
    escaped. Texts that count something, and those that are in a variable, are looked up when they are shown.
    """

    def __init__(self, translate: Callable[[str], str]) -> None:
        self._translate = translate

    def visit_Call(self, call: nodes.Call) -> nodes.Expr:
        self.generic_visit(call)
        text = _constant_text(call)
        if text is None:
            return call
        translated = nodes.MarkSafeIfAutoescape(nodes.Const(self._translate(text)))
        named = [nodes.Pair(nodes.Const(named.key), named.value) for named in call.kwargs]
        return nodes.Mod(translated, nodes.Dict(named), lineno=call.lineno)


def _constant_text(call: nodes.Call) -> str | None:
    """Return the text that a call translates; none if it does something else, or the text is in a variable."""
    match call:
        case nodes.Call(
            node=nodes.Name(name="_" | "gettext"), args=[nodes.Const(value=str(text))], dyn_args=None, dyn_kwargs=None
        ):
            return text
    return None


class PageCode(CodeGenerator):
    """Writes the Python code of a template."""

    environment: "PageEnvironment"

    def visit_Template(self, template: nodes.Template, frame: Frame | None = None) -> None:
        self.environment.prepare(template, EvalContext(self.environment, self.name))
        super().visit_Template(template, frame)


class PageEnvironment(Environment):
    """What loads the templates of pages.

    Its own templates look their texts up when they are shown, and those of ``in_language`` have them. One thread
    compiles a template, and others that need it wait: right after the start all would be busy compiling the same.
    """

    code_generator_class = PageCode
    # Set while the portal is built.
    folders: tuple[Path, ...]
    preload: str
    catalogue_of: Callable[[Locale], NullTranslations]
    catalogue: NullTranslations | None = None
    language: str | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._languages: dict[Locale, Self] = {}
        self._begin()

    def _begin(self) -> None:
        self._lock = RLock()
        self._trees: dict[str, nodes.Template] = {}
        self._codes: dict[str, CodeType] = {}

    def in_language(self, locale: Locale) -> Self:
        """Return what loads the same templates in a language."""
        return self._languages.get(locale) or self._new_language(locale)

    def _new_language(self, locale: Locale) -> Self:
        with self._lock:
            if locale not in self._languages:
                environment = self.overlay()
                environment._begin()
                environment.globals = self.globals | {"ui": Components(environment, self.folders)}
                environment.catalogue = self.catalogue_of(locale)
                environment.language = str(locale)
                self._languages[locale] = environment
            return self._languages[locale]

    def compile(
        self, source: Any, name: str | None = None, filename: str | None = None, *rest: Any, **options: Any
    ) -> Any:
        """Return the code of a template. The portal knows each by its name, and reads its file once."""
        if name is None or rest or options:
            return super().compile(source, name, filename, *rest, **options)
        with self._lock:
            if name not in self._codes:
                self._codes[name] = super().compile(source, name, filename)
            return self._codes[name]

    def prepare(self, template: nodes.Template, eval_ctx: EvalContext) -> None:
        """Translate a template before it is compiled, and write out the components that it calls."""
        if self.catalogue is None:
            return
        self._translate(template)
        if eval_ctx.autoescape and not template.find(nodes.EvalContextModifier):
            Expansion(self._place, self._component, eval_ctx, {}, count()).visit(template)
            join_outputs(template)

    def _place(self, name: str) -> Place | None:
        template = files_of_macros(self.folders).get(name)
        return (template, name) if template else None

    def _component(self, place: Place) -> Component | None:
        """Return a component in the language. Those of pages are few, and each is read once."""
        template = place[0]
        if template not in self._trees:
            source, file, _ = cast(BaseLoader, self.loader).get_source(self, template)
            self._trees[template] = self.parse(source, template, file)
        component = component_of(self._trees[template], place)
        if component:
            self._translate(component.macro)
        return component

    def _translate(self, tree: nodes.Node) -> None:
        Texts(cast(NullTranslations, self.catalogue).ugettext).visit(tree)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return a template's globals: those of all, if it has none of its own, which each page then copies faster."""
        return super().make_globals(d) if d else self.globals


def page_environment(app: Flask) -> PageEnvironment:
    """Return a portal's own Jinja."""
    return cast(PageEnvironment, app.jinja_env)
