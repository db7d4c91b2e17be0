"""Scripts run in every browser that knows modules: Chrome 61, Edge 16, Firefox 60, Safari 11. That is ES2017."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.harness.cases import each

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*(ROOT / "static/js").glob("*.js"), *(ROOT / "portal/sandbox/static").glob("*.js")])

# What is no code, and regular expressions, which are judged apart.
NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
    r"""|(?P<regex>(?<=[(,=:\[!&|?{};\n])\s*/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/(?P<flags>\w*))""",
    re.DOTALL,
)
LATER_SYNTAX = {
    "optional chaining": r"\?\.(?!\d)",
    "nullish coalescing": r"\?\?",
    "logical assignment": r"(?:&&|\|\|)=",
    "catch without a name": r"\bcatch\s*\{",
    "a BigInt": r"\b\d\w*n\b",
    "a numeric separator": r"\b\d+_\d",
    "a class, whose body this list can't judge": r"\bclass\b(?!\s*[:=])",
    "a dynamic import or import.meta": r"\bimport\s*[(.]",
    "export * as": r"\bexport\s*\*\s*as\b",
    "asynchronous iteration": r"\bfor\s+await\b|\basync\s+function\s*\*|\basync\s*\*",
    "await outside a function": r"(?m)^(?!.*\basync\b)[^\s}].*\bawait\b",
}
LATER_REGEX = {
    "a property class": r"\\[pP]\{",
    "lookbehind or a named group": r"\(\?<",
}
LATER_NAMES = {
    # Of the language. A name such as "at" or "any" counts after a dot alone.
    *("replaceAll", "matchAll", "trimStart", "trimEnd", "flat", "flatMap", "fromEntries", "finally", "allSettled"),
    *("findLast", "findLastIndex", "hasOwn", "toSorted", "toReversed", "toSpliced", "groupBy", "at", "any", "with"),
    *("isWellFormed", "toWellFormed", "withResolvers", "description"),
    # Of the page.
    *("replaceChildren", "toggleAttribute", "getAttributeNames", "requestSubmit", "submitter", "showModal", "inert"),
    *("showPopover", "togglePopover", "checkVisibility", "showPicker", "randomUUID", "computedStyleMap", "animate"),
    *("clipboard", "scrollend", "moveBefore", "setHTML", "arrayBuffer", "attachInternals", "canParse", "translate"),
}
LATER_GLOBALS = {
    *("globalThis", "structuredClone", "queueMicrotask", "AbortController", "AbortSignal", "AggregateError", "WeakRef"),
    *("FinalizationRegistry", "ResizeObserver", "BroadcastChannel", "URLSearchParams", "TextDecoder", "TextEncoder"),
    *("requestIdleCallback", "CompressionStream", "ReadableStream", "reportError", "navigation", "Iterator", "BigInt"),
}
LATER_SELECTORS = re.compile(r":(?:has|is|where|focus-visible|focus-within|user-invalid)\b|:not\([^)]*[,\s]")


def later(script: str) -> Iterator[str]:
    """Yield what a script uses that the first browsers with modules do not know."""
    for match in NO_CODE.finditer(script):
        if match["regex"]:
            yield from (name for name, sign in LATER_REGEX.items() if re.search(sign, match["regex"]))
            yield from (f"the flag {flag}" for flag in match["flags"] if flag not in "gimuy")
        elif LATER_SELECTORS.search(match[0]):
            yield f"a selector in {match[0]}"
    code = NO_CODE.sub(" x ", script)
    yield from (name for name, sign in LATER_SYNTAX.items() if re.search(sign, code))
    yield from (f".{name}" for name in re.findall(r"\.\s*(\w+)", code) if name in LATER_NAMES)
    # A parameter or a property of an object may be taken apart.
    yield from (name for name in re.findall(r"[{,]\s*(\w+)\s*(?=[},])", code) if name in LATER_NAMES)
    yield from (name for name in re.findall(r"(?<!\.)\b\w+", code) if name in LATER_GLOBALS)
    if spreads_an_object(code):
        yield "an object that is spread or rested"


def spreads_an_object(code: str) -> bool:
    """Tell whether the nearest bracket that is open before three dots is a brace."""
    opened: list[str] = []
    for sign in re.findall(r"\.\.\.|[\[({})\]]", code):
        if sign in "([{":
            opened.append(sign)
        elif sign != "...":
            opened.pop()
        elif opened and opened[-1] == "{":
            return True
    return False


@each("script", SCRIPTS)
def test_a_script_runs_in_every_browser_that_knows_modules(script: Path) -> None:
    assert list(later(script.read_text("utf-8"))) == []


def test_there_are_scripts_of_the_portal_and_of_the_sandbox() -> None:
    assert {"pin_link.js", "phonetic.js", "tv.js"} <= {path.name for path in SCRIPTS}


LATER = (
    *("a?.b;", "a?.[0];", "const a = b ?? c;", "a ??= b;", "a ||= b;", "try { a(); } catch { b(); }", "const a = 10n;"),
    *("const a = 1_000;", "class A { #b = 1; }", "const a = await b();", "import('./a.js');", "import.meta.url;"),
    *('export * as a from "./a.js";', "for await (const a of b) c();", "async function* a() {}", "const a = { ...b };"),
    *("const { a, ...b } = c;", "f({ a: 1, ...b });", "const a = /\\p{L}/u;", "f(/(?<=a)b/);", "f(/(?<a>b)/, c);"),
    *(
        "const a = /a/s;",
        'a.replaceAll("b", "c");',
        "a.at(-1);",
        "a.flat();",
        "Object.fromEntries(a);",
        "a\n  .finally(b);",
    ),
    *(
        "globalThis.a = 1;",
        "structuredClone(a);",
        "new URLSearchParams(a);",
        "e.replaceChildren(a);",
        "f(({ submitter }) => 1);",
    ),
    *('document.querySelector("a:has(b)");', "e.matches(':is(a, b)');", 'e.closest("a:not(.b, .c)");'),
    *("e.translate = false;", "new AbortController();"),
)
KNOWN = """
// It may name a?.b, a ?? b and replaceAll in a comment; https://example.com too.
import * as screen from "./screen.js";
export const f = (a, ...b) => [...a, Math.max(...b)];
export async function g({ target, time }) {
  try {
    await f(...target);
  } catch (error) {
    h(`${time} is it`.replace("?", "."), a ? .5 : 1, "a ?? b");
  }
  return /[/?.]+(?:a|b)(?=c)/gi.test(a) || 'catch {' || b / c / d;
}
Object.entries(a).forEach(([key, value]) => f(key.padStart(2), { key, value }));
"""


@each("script", LATER)
def test_what_came_later_is_found(script: str) -> None:
    assert list(later(script))


def test_what_every_browser_with_modules_knows_is_no_fault() -> None:
    assert list(later(KNOWN)) == []
