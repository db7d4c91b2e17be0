"""How a PIN is read aloud, so that both ends of a telephone call mean the same."""

from string import ascii_lowercase, digits, punctuation

# The ICAO alphabet, with its own spellings except X-ray, since a dash separates the words here. Call centres
# everywhere use the English words, so they are not translated.
_LETTER_WORDS = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
)
_DIGIT_WORDS = "zero one two three four five six seven eight nine"
# In the order of ASCII.
_PUNCTUATION_WORDS = (
    "exclamation mark, quotation mark, hash, dollar, percent, ampersand, apostrophe, opening bracket, closing bracket, "
    "star, plus, comma, dash, dot, slash, colon, semicolon, less than, equals, greater than, question mark, at, "
    "opening square bracket, backslash, closing square bracket, caret, underscore, backtick, opening curly bracket, "
    "bar, closing curly bracket, tilde"
)
WORDS: dict[str, str] = {
    **dict(zip(ascii_lowercase, _LETTER_WORDS.split(), strict=True)),
    **dict(zip(digits, _DIGIT_WORDS.split(), strict=True)),
    **dict(zip(punctuation, _PUNCTUATION_WORDS.split(", "), strict=True)),
}
CAPITAL = "capital"


def words(*, case_sensitive: bool) -> dict[str, str]:
    """Return the word for each character of a PIN, for the page's script too.

    Without ``case_sensitive`` the case is folded, and capitals have the words of small letters.
    """
    prefix = f"{CAPITAL} " if case_sensitive else ""
    return WORDS | {letter.upper(): prefix + WORDS[letter] for letter in ascii_lowercase}


def spell(text: str, *, case_sensitive: bool = False) -> str:
    """Return how a PIN is read aloud, such as ``zulu-india-zulu-mike-five-two-nine`` for ``zizm529``.

    Args:
        text: a normalised PIN, which is printable ASCII; other characters have no word and stay as they are.
        case_sensitive: give capitals words of their own.
    """
    named = words(case_sensitive=case_sensitive)
    return "-".join(named.get(character, character) for character in text)
