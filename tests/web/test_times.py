"""Times as people say them: how long ago, in the language of the page, and after a week the date."""

from datetime import UTC, datetime, timedelta

import time_machine
from flask import Flask

from portal.settings.types import languages

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)


def said(app: Flask, language: str, age: timedelta) -> str:
    with app.test_request_context(headers={"Accept-Language": language}), time_machine.travel(NOON, tick=False):
        return app.jinja_env.from_string("{{ at|ago }}").render(at=NOON - age)


def test_a_time_is_said_as_how_long_ago_and_after_a_week_as_the_date(app: Flask) -> None:
    said_in_english = {
        # The database's clock may be ahead.
        timedelta(seconds=-3): "1 second ago",
        timedelta(): "1 second ago",
        timedelta(seconds=20): "20 seconds ago",
        timedelta(minutes=12, seconds=59): "12 minutes ago",
        timedelta(hours=23): "23 hours ago",
        timedelta(days=6, hours=23): "6 days ago",
        timedelta(days=7): "April 29, 2031",
    }

    assert {age: said(app, "en", age) for age in said_in_english} == said_in_english
    assert said(app, "de", timedelta(minutes=12)) == "vor 12 Minuten"
    assert said(app, "ja", timedelta(days=30)) == "2031年4月6日"


def test_every_language_says_both_in_its_own_words(app: Flask) -> None:
    for age in (timedelta(hours=3), timedelta(days=60)):
        assert len({said(app, language, age) for language in languages()}) == len(languages())


def test_a_date_and_a_time_stand_together_as_the_language_has_it(app: Flask) -> None:
    patterns = {}
    for language in languages():
        with app.test_request_context(headers={"Accept-Language": language}):
            patterns[language] = app.jinja_env.from_string("{{ date_time_pattern() }}").render()

    assert patterns["en"] == "{1}, {0}"
    assert patterns["ar"] == "{1}\u060c {0}"
    assert all("{0}" in pattern and "{1}" in pattern for pattern in patterns.values())
