"""Each rule for pages is shown to catch what it is there for, and to let a sound page pass."""

from tests.harness import page_rules
from tests.harness.cases import each
from tests.harness.markup import Document
from tests.harness.page_rules import RULES, Rule
from tests.harness.valid_page import FAILED, PAGE, replaced

BROKEN: dict[Rule, list[tuple[str, str]]] = {
    page_rules.it_is_html_in_a_language: [
        ("<!DOCTYPE html>", ""),
        ("<!DOCTYPE html>", "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>"),
        (' lang="en"', ""),
        ('lang="en"', 'lang="pt_BR"'),
        (' dir="ltr"', ""),
        ('lang="en"', 'lang="ar"'),
        ('dir="ltr"', 'dir="rtl"'),
    ],
    page_rules.it_has_one_heading: [
        ("<h1>", "<h2>"),
        ("<form", "<h1>Another</h1><form"),
        ("<h1>Link  your\n    TV</h1>", "<h1> </h1>"),
    ],
    page_rules.its_title_starts_with_the_heading: [
        ("<title>Link your TV – Example</title>", ""),
        ("<title>Link your TV – Example</title>", "<title>Example</title>"),
        ("<title>", "<title>Example – "),
        ("<title>", "<title>Error: "),
    ],
    page_rules.fields_have_labels: [
        ('for="pin"', ""),
        ('for="pin"', 'for="pin-hint"'),
        ("PIN from your TV", " "),
        ("<button>", "<input name='more'><button>"),
        ("<button>", "<textarea name='more'></textarea><button>"),
        ("<button>", "<select name='more' aria-label='More'></select><button>"),
        ('name="pin"', 'name="pin" placeholder="zizm529"'),
    ],
    page_rules.ids_are_unique: [("<main>", '<main id="pin">')],
    page_rules.references_resolve: [
        ('aria-describedby="pin-hint"', 'aria-describedby="pin-hint pin-error"'),
        ('for="pin"', 'for="pni"'),
        ("<main>", '<main aria-labelledby="heading">'),
        ("<main>", '<a href="#man">Skip to main content</a><main>'),
    ],
    page_rules.nothing_is_inline: [
        ("<main>", "<main style='color: red'>"),
        ("<main>", "<style>main { color: red }</style><main>"),
        ("<main>", "<script>alert(1)</script><main>"),
        ("<main>", "<script src='/static/js/x.js'>alert(1)</script><main>"),
        ("<main>", "<main onclick='alert(1)'>"),
        ("https://example.com/help", "javascript:alert(1)"),
        ("https://example.com/help", "JavaScript:alert(1)"),
    ],
    page_rules.forms_are_safe: [
        (' action="/activate"', ""),
        ('action="/activate"', 'action=""'),
        ('action="/activate"', 'action="https://example.com/"'),
        ('action="/activate"', 'action="//example.com/"'),
        (' method="post"', ""),
        ('method="post"', 'method="get"'),
        ('name="csrf_token"', 'name="token"'),
        ('value="token-1"', 'value=""'),
        ("<button>Link my TV</button>", ""),
    ],
    page_rules.buttons_send_a_form: [
        ('formaction="/language', 'formaction="//example.com'),
        ('form="enter-pin"', 'form="another"'),
    ],
    page_rules.enter_sends_the_form: [
        ("<main>", '<main><button form="enter-pin" formaction="/language" name="language">Français</button>'),
        ("<button>Link", '<button formaction="/sign-out">Not you?</button><button>Link'),
    ],
    page_rules.buttons_and_links_can_be_used: [
        (">Support<", "> <"),
        ("Link my TV", ""),
        ("<button>", "<button disabled>"),
        ("<main>", "<main><img src='/static/img/logo.svg'>"),
    ],
    page_rules.nothing_comes_from_elsewhere: [
        ("/static/site.css", "https://cdn.example.com/site.css"),
        ("/static/site.css", "//cdn.example.com/site.css"),
        ("<main>", "<main><img alt='' src='http://127.0.0.1/logo.svg'>"),
        ("<main>", "<main><script src='data:text/javascript,1'></script>"),
    ],
    page_rules.no_address_holds_a_pin: [
        ("https://example.com/help", "/activate?pin=zizm529"),
        ("https://example.com/help", "/activate?lang=en&amp;pin=zizm529"),
        ("https://example.com/help", "/sign-in?next=/activate%3Fpin%3Dzizm529"),
        ('action="/activate"', 'action="/activate?pin=zizm529"'),
        ("<button>", '<button formaction="/activate?pin=">'),
        ("https://example.com/help", "/activate?PIN=zizm529"),
    ],
    page_rules.what_is_no_copy_is_not_translated: [
        (' translate="no"', ""),
        (' translate="no"', ' translate="yes"'),
        ("<main>", "<main><bdi>alice@example.com</bdi>"),
        ("<main>", '<main translate="no"><bdi translate="yes">Living room</bdi>'),
        ("<main>", '<main><a class="site-brand" href="/activate">Example TV</a>'),
        ("<main>", "<main><code>4f6e</code>"),
    ],
}
BROKEN_WHEN_FAILED = [
    ("<title>Error: ", "<title>"),
    ('role="alert"', ""),
    ('tabindex="-1"', ""),
    ("autofocus", ""),
    ('href="#pin"', 'href="#pin-hint"'),
    ('<a href="#pin">Check the PIN</a>', "Check the PIN"),
]


def names_of_broken_rules(text: str, status: int = 200) -> set[str]:
    page = Document(text, status)
    return {rule.__name__ for rule in RULES if list(rule(page))}


def test_a_sound_page_breaks_no_rule() -> None:
    assert names_of_broken_rules(PAGE) == set()
    assert names_of_broken_rules(FAILED, 422) == set()
    assert names_of_broken_rules(PAGE, 404) == set()


def test_a_sound_page_in_another_language_breaks_no_rule() -> None:
    arabic = replaced(PAGE, 'lang="en" dir="ltr"', 'lang="ar" dir="rtl"')
    assert names_of_broken_rules(arabic) == set()
    french = replaced(FAILED, 'lang="en"', 'lang="fr"').replace("Error: ", "Erreur : ")
    assert names_of_broken_rules(french, 422) == set()


@each("rule", [rule for rule in RULES if rule is not page_rules.a_failed_form_says_so])
def test_each_rule_catches_what_it_is_there_for(rule: Rule) -> None:
    for old, new in BROKEN[rule]:
        assert rule.__name__ in names_of_broken_rules(replaced(PAGE, old, new)), f"{old!r} became {new!r}"


@each("old, new", BROKEN_WHEN_FAILED)
def test_a_failed_form_must_say_so(old: str, new: str) -> None:
    broken = names_of_broken_rules(replaced(FAILED, old, new), 422)
    assert broken & {"a_failed_form_says_so", "its_title_starts_with_the_heading"}
