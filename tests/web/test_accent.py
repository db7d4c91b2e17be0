"""The brand's colour as the pages use it: it can be seen on them, and what stands on it can be read."""

import colorsys
import re

from hypothesis import given
from hypothesis import strategies as st

from portal.pages.web.accent import DARK_PAGES, LIGHT_PAGES, Accent, contrast, stylesheet
from portal.settings.package_data import data_dir
from tests.harness.cases import each

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)))[0]


@each(
    "one, other, ratio",
    # As WCAG 2.2 and the tools that follow it compute them.
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#FF0000", "#ffffff", 4.0),
        ("#0000ff", "#ffffff", 8.59),
        ("#1f5eff", "#ffffff", 5.12),
        ("#ffee00", "#000000", 17.48),
    ],
)
def test_contrast_is_the_one_of_wcag(one: str, other: str, ratio: float) -> None:
    assert round(contrast(one, other), 2) == round(contrast(other, one), 2) == ratio


@given(COLOURS)
def test_every_accent_can_be_seen_on_every_page_and_its_text_can_be_read(colour: str) -> None:
    accent = Accent.of(colour)
    for shown, grounds in ((accent.light, LIGHT_PAGES), (accent.dark, DARK_PAGES)):
        assert all(contrast(shown.colour, ground) >= 3 for ground in grounds), shown
        assert contrast(shown.colour, shown.text) >= 4.5, shown


@each(
    "colour, text",
    [
        ("#000000", "#ffffff"),
        ("#1f5eff", "#ffffff"),
        ("#e50914", "#ffffff"),
        ("#757575", "#ffffff"),
        ("#ffee00", "#000000"),
        ("#00FF00", "#000000"),
    ],
)
def test_text_on_the_accent_is_the_one_that_can_be_read(colour: str, text: str) -> None:
    accent = Accent.of(colour)
    assert text in (accent.light.text, accent.dark.text)


@each(
    "colour, light, dark",
    [
        # Those that can be seen stay what they are.
        ("#1f5eff", "#1f5eff", "#1f5eff"),
        ("#e50914", "#e50914", "#e50914"),
        # Darker on light pages, lighter on dark ones, and no more than is needed.
        ("#ffee00", "#9b9000", "#ffee00"),
        ("#ffffff", "#8e8e8e", "#ffffff"),
        ("#000000", "#000000", "#646464"),
        ("#00004D", "#00004d", "#4545ff"),
    ],
)
def test_an_accent_that_would_not_be_seen_is_made_darker_or_lighter(colour: str, light: str, dark: str) -> None:
    accent = Accent.of(colour)
    assert (accent.light.colour, accent.dark.colour) == (light, dark)
    assert accent.is_adjusted == (not light == dark == colour.lower())


def test_an_adjusted_accent_keeps_its_hue() -> None:
    for colour in ("#ffee00", "#00ff88", "#300050"):
        accent = Accent.of(colour)
        for shown in (accent.light, accent.dark):
            assert abs(hue(shown.colour) - hue(colour)) < 0.01, (colour, shown)


def test_the_stylesheet_has_the_accent_of_each_theme_and_of_the_drawn_tv_which_is_always_dark() -> None:
    assert stylesheet(Accent.of("#ffee00")) == (
        ":root{--accent:#9b9000;--on-accent:#000000;--tv-accent:#ffee00;--on-tv-accent:#000000}\n"
        "@media (prefers-color-scheme:dark){:root{--accent:#ffee00;--on-accent:#000000}}\n"
    )


def test_the_pages_have_the_colours_that_accents_are_judged_by() -> None:
    tokens = (data_dir("static") / "css/tokens.css").read_text(encoding="utf-8")
    themes = tokens.split("@media (prefers-color-scheme: dark)")
    for theme, grounds in zip(themes, (LIGHT_PAGES, DARK_PAGES), strict=True):
        found = dict(re.findall(r"--(paper|ground): (#[0-9a-f]{3,6});", theme))
        whole = [
            value if len(value) == 7 else "#" + "".join(2 * sign for sign in value[1:]) for value in found.values()
        ]
        assert sorted(whole) == sorted(grounds)
