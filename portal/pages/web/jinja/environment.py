"""The Jinja of pages: it compiles each template once a language, and translates its texts while it does."""

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from threading import RLock
from types import CodeType
from typing import Any, Self, cast

from babel import Locale
from babel.support import NullTranslations
from flask import Flask
from flask.templating import Environment
from jinja2 import BaseLoader, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import EvalContext
from jinja2.visitor import NodeTransformer

from portal.pages.web.jinja.components import FOLDER, Components, files_of_macros
from portal.pages.web.jinja.constants import Folding, own_constants, put_in, take_out
from portal.pages.web.jinja.expansion import Component, Expansion, Place, component_of
from portal.pages.web.jinja.inheritance import NotMergeableError, check, in_place, with_base
from portal.pages.web.jinja.syntax_trees import copied, join_outputs, stored_names


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


class Addresses(NodeTransformer):
    """Puts the address of a file in the place of ``asset("…")``."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    def visit_Call(self, call: nodes.Call) -> nodes.Expr:
        self.generic_visit(call)
        match call:
            case nodes.Call(node=nodes.Name(name="asset"), args=[nodes.Const(value=name)]) if name in self._urls:
                return nodes.Const(self._urls[name], lineno=call.lineno)
        return call


class PageCode(CodeGenerator):
    """Writes the Python code of a template."""

    environment: "PageEnvironment"

    def visit_Template(self, template: nodes.Template, frame: Frame | None = None) -> None:
        self.environment.prepare(template, EvalContext(self.environment, self.name))
        super().visit_Template(template, frame)

    def visit_Call(self, call: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        match call:
            case nodes.Call(node=nodes.Name(name="csrf_token"), args=[], kwargs=[], dyn_args=None, dyn_kwargs=None):
                # It takes nothing of Jinja's, which would look for that at each call.
                self.visit(call.node, frame)
                self.write("()")
            case _:
                super().visit_Call(call, frame, forward_caller=forward_caller)


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
    # What templates may name: what is the same for every request, by itself and in a language, and what is not.
    constants: Mapping[str, Any]
    of_language: Callable[[Locale], Mapping[str, Any]]
    of_request: Callable[[], dict[str, Any]]
    asset_urls: Mapping[str, str]
    catalogue: NullTranslations | None = None
    language: str | None = None
    plain: Environment | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._languages: dict[Locale, Self] = {}
        self._begin()

    def _begin(self) -> None:
        self._lock = RLock()
        self._trees: dict[str, nodes.Template] = {}
        self._bases: dict[str, nodes.Template] = {}
        self._codes: dict[str, CodeType] = {}

    def in_language(self, locale: Locale) -> Self:
        """Return what loads the same templates in a language."""
        return self._languages.get(locale) or self._new_language(locale)

    def _new_language(self, locale: Locale) -> Self:
        with self._lock:
            if locale not in self._languages:
                environment = self.overlay()
                environment._begin()
                environment.constants = {**self.constants, **self.of_language(locale)}
                components = Components(environment, self.folders)
                environment.globals = {**self.globals, **environment.constants, "ui": components}
                environment.catalogue = self.catalogue_of(locale)
                environment.language = str(locale)
                environment.plain = self
                self._languages[locale] = environment
            return self._languages[locale]

    def get_template(
        self, name: str | Template, parent: str | None = None, globals: MutableMapping[str, Any] | None = None
    ) -> Template:
        """Return a template. One that another template extends when it is shown is as Jinja has it, with its blocks."""
        if self.plain and parent and isinstance(name, str) and not name.startswith(FOLDER):
            return self.plain.get_template(name, parent, globals)
        return super().get_template(name, parent, globals)

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
        """Translate a template before it is compiled, and write out what it extends and which components it calls."""
        if self.catalogue is None:
            return
        self._translate(template)
        if eval_ctx.autoescape and not template.find(nodes.EvalContextModifier):
            folded = Folding(eval_ctx)
            with suppress(NotMergeableError):
                self._merge(template, folded)
                return
            self._write_out(template, {}, folded)

    def _merge(self, page: nodes.Template, folded: Folding) -> None:
        """Write into a page what it extends. Raises NotMergeableError, and leaves it as it was."""
        check(page)
        base = partial(self._base, folded)
        own = own_constants(page, base)
        merged = copied(page)
        self._write_out(merged, own, folded)
        merged = with_base(merged, base)
        if own:
            put_in(merged, own, folded)
        page.body = in_place(merged)
        join_outputs(page)

    def _write_out(self, template: nodes.Template, own: Mapping[str, Any], folded: Folding) -> None:
        stored = stored_names(template)
        constants = {name: value for name, value in self.constants.items() if name not in stored}
        put_in(template, {**constants, **own}, folded)
        Expansion(self._place, self._component, folded, {}, count()).visit(template)
        take_out(template, self.constants)
        join_outputs(template)

    def _base(self, folded: Folding, name: str) -> nodes.Template:
        """Return what pages extend, written out once for all of them."""
        if name not in self._bases:
            check(self._tree(name))
            base = with_base(copied(self._tree(name)), partial(self._base, folded))
            self._write_out(base, {}, folded)
            self._bases[name] = base
        return self._bases[name]

    def _place(self, name: str) -> Place | None:
        template = files_of_macros(self.folders).get(name)
        return (template, name) if template else None

    def _component(self, place: Place) -> Component | None:
        """Return a component in the language."""
        return component_of(self._tree(place[0]), place)

    def _tree(self, name: str) -> nodes.Template:
        """Return a template that others need, in the language. They are few, and each is read once."""
        if name not in self._trees:
            source, file, _ = cast(BaseLoader, self.loader).get_source(self, name)
            self._trees[name] = self.parse(source, name, file)
            self._translate(self._trees[name])
        return self._trees[name]

    def _translate(self, tree: nodes.Node) -> None:
        Texts(cast(NullTranslations, self.catalogue).ugettext).visit(tree)
        Addresses(self.asset_urls).visit(tree)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return a template's globals: those of all, if it has none of its own, which each page then copies faster."""
        return super().make_globals(d) if d else self.globals


def page_environment(app: Flask) -> PageEnvironment:
    """Return a portal's own Jinja."""
    return cast(PageEnvironment, app.jinja_env)
