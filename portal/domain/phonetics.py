"""How a PIN is read aloud, so that both ends of a telephone call mean the same."""

# The words of the ICAO alphabet, in its own spelling but for X-ray: a dash parts the words here. Every agent of the
# world knows them in English, so they are not translated.
_LETTERS = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
)
_DIGITS = "zero one two three four five six seven eight nine"
_SIGNS = {
    "!": "exclamation mark",
    '"': "quotation mark",
    "#": "hash",
    "$": "dollar",
    "%": "percent",
    "&": "ampersand",
    "'": "apostrophe",
    "(": "opening bracket",
    ")": "closing bracket",
    "*": "star",
    "+": "plus",
    ",": "comma",
    "-": "dash",
    ".": "dot",
    "/": "slash",
    ":": "colon",
    ";": "semicolon",
    "<": "less than",
    "=": "equals",
    ">": "greater than",
    "?": "question mark",
    "@": "at",
    "[": "opening square bracket",
    "\\": "backslash",
    "]": "closing square bracket",
    "^": "caret",
    "_": "underscore",
    "`": "backtick",
    "{": "opening curly bracket",
    "|": "bar",
    "}": "closing curly bracket",
    "~": "tilde",
}
WORDS: dict[str, str] = {
    **dict(zip("abcdefghijklmnopqrstuvwxyz", _LETTERS.split(), strict=True)),
    **dict(zip("0123456789", _DIGITS.split(), strict=True)),
    **_SIGNS,
}
CAPITAL = "capital"


def words(*, tells_case: bool) -> dict[str, str]:
    """Return what each sign of a PIN is called; the page's script is given the same.

    Args:
        tells_case: name capitals as such. Where case is folded, both cases mean the same and are called the same.
    """
    prefix = f"{CAPITAL} " if tells_case else ""
    return WORDS | {sign.upper(): prefix + word for sign, word in WORDS.items() if sign.isalpha()}


def spell(text: str, *, tells_case: bool = False) -> str:
    """Return how a PIN is read aloud, such as ``zulu-india-zulu-mike-five-two-nine`` for ``zizm529``.

    Args:
        text: printable ASCII, as a normalised PIN is; anything else has no name and is left as it is.
        tells_case: name capitals as such.
    """
    named = words(tells_case=tells_case)
    return "-".join(named.get(character, character) for character in text)
