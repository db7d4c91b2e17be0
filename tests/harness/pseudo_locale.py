"""A language for tests alone: English with accents, two fifths longer, in brackets.

On its pages a text that was not translated stands out by its plain letters, and a text that has no room by a lost
bracket. It takes the place of German in one portal of a test; no portal that an operator runs has it.
"""

import re

from babel.support import NullTranslations
from flask import Flask
from flask_babel import Domain

from portal.pages.web.jinja.environment import page_environment

CODE = "de"
# Longer than English by as much as German often is.
LENGTH = 1.4
_ACCENTED = str.maketrans("aeiouyAEIOUYcnsCNS", "áéíóúýÁÉÍÓÚÝçñšÇÑŠ")
_VOWEL = re.compile("[áéíóúýÁÉÍÓÚÝ]")
# Placeholders, elements and characters by name are no words.
_KEPT = re.compile(r"(%\(\w+\)[sd]|%%|<[^>]+>|&\w+;)")


def pseudo(text: str) -> str:
    """Return an English text in the language. A colon at its end stays there, where a title may need it."""
    words, colon = (text[:-1], ":") if text.endswith(":") else (text, "")
    parts = [part if _KEPT.fullmatch(part) else _longer(part.translate(_ACCENTED)) for part in _KEPT.split(words)]
    return f"⟦{''.join(parts)}⟧{colon}"


def _longer(words: str) -> str:
    """Double vowels until the words are long enough; long words come from that, as other languages have them."""
    missing = round(len(words) * (LENGTH - 1))
    return _VOWEL.sub(lambda found: found[0] * 2, words, missing) if missing else words


class PseudoTranslations(NullTranslations):
    """A catalogue with every text."""

    def gettext(self, message: str) -> str:
        """Return a text in the language."""
        return pseudo(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return a text that counts something."""
        return pseudo(msgid1 if n == 1 else msgid2)

    ugettext, ungettext = gettext, ngettext


def speak_pseudo(app: Flask) -> None:
    """Let a portal speak this language in the place of German; it is used for nothing else after that."""
    translations = PseudoTranslations()
    domain = Domain()
    domain.cache[CODE, "messages"] = translations
    app.before_request_funcs.setdefault(None, []).insert(0, domain.as_default)
    # Its templates are not those in German, which are kept for all portals.
    app.jinja_env.bytecode_cache = None
    page_environment(app).catalogue_of = lambda _: translations
