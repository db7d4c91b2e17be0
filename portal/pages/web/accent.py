"""The brand's colour as the pages use it: lighter or darker where it could not be seen, and the text on it."""

import colorsys
from dataclasses import dataclass
from typing import Self

# What is behind it in light and in dark colours: paper and ground in css/tokens.css.
LIGHT_PAGES = ("#ffffff", "#f4f5f7")
DARK_PAGES = ("#15181e", "#0c0e12")
# WCAG 2.2, 1.4.11: what is needed to see a button, where the focus is, or that a page is the current one.
VISIBLE = 3.0
# The finest difference of lightness that a colour of 8 bits can show is about 1 in 512.
STEPS = 12


@dataclass(frozen=True)
class Shown:
    """A colour, and the colour of the text on it, as ``#rrggbb``."""

    colour: str
    text: str


@dataclass(frozen=True)
class Accent:
    """The accent on light and on dark pages, and whether either differs from what the operator set."""

    light: Shown
    dark: Shown
    is_adjusted: bool

    @classmethod
    def of(cls, colour: str) -> Self:
        """Return the accent for a ``#rrggbb``: the nearest lightness of the same hue that can be seen on all pages."""
        light, dark = _visible(colour, LIGHT_PAGES, 0.0), _visible(colour, DARK_PAGES, 1.0)
        is_adjusted = not light == dark == colour.lower()
        return cls(Shown(light, _text_on(light)), Shown(dark, _text_on(dark)), is_adjusted)


def stylesheet(accent: Accent) -> str:
    """Return the part of a stylesheet that sets the accent and the text on it, in each theme.

    The screen of a drawn TV is dark in both.
    """
    light, dark = (f"--accent:{it.colour};--on-accent:{it.text}" for it in (accent.light, accent.dark))
    tv = f"--tv-accent:{accent.dark.colour};--on-tv-accent:{accent.dark.text}"
    return f":root{{{light};{tv}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two ``#rrggbb``, from 1 to 21 (WCAG 2.2, relative luminance)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _text_on(colour: str) -> str:
    # One of them always has a ratio of more than 4.5.
    return max("#ffffff", "#000000", key=lambda text: contrast(colour, text))


def _visible(colour: str, grounds: tuple[str, ...], end: float) -> str:
    """Return the nearest colour to this one that can be seen on all grounds, on the way to black (0) or white (1)."""

    def is_visible(shown: str) -> bool:
        return all(contrast(shown, ground) >= VISIBLE for ground in grounds)

    if is_visible(colour):
        return colour.lower()
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(colour))
    unseen, seen = lightness, end
    for _ in range(STEPS):
        middle = (unseen + seen) / 2
        if is_visible(_hex(colorsys.hls_to_rgb(hue, middle, saturation))):
            seen = middle
        else:
            unseen = middle
    return _hex(colorsys.hls_to_rgb(hue, seen, saturation))


def _luminance(colour: str) -> float:
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[float, float, float]:
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)


def _hex(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)
