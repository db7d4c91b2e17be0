"""A page that keeps every rule, to be spoilt by the tests of the rules and of the page client."""

HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "same-origin"),
]
SUMMARY = '<div role="alert" tabindex="-1" autofocus><a href="#pin">Check the PIN</a></div>'
FORM = """
<form method="post" action="/activate" id="enter-pin">
  <input type="hidden" name="csrf_token" value="token-1">
  <label for="pin">PIN from your TV</label>
  <p id="pin-hint">It is on the screen.</p>
  <input id="pin" name="pin" value="" translate="no" aria-describedby="pin-hint">
  <button>Link my TV</button>
</form>
<button form="enter-pin" formaction="/language?next=/activate" name="language" value="de">Deutsch</button>"""
PAGE = f"""<!DOCTYPE html>
<html lang="en" dir="ltr">
  <head><title>Link your TV – Example</title><link rel="stylesheet" href="/static/site.css"></head>
  <body><main><h1>Link  your
    TV</h1>{FORM}</main><a href="https://example.com/help">Support</a></body>
</html>"""
FAILED = PAGE.replace("<title>", "<title>Error: ").replace("<form", f"{SUMMARY}<form")


# For each rule: what in a sound page is replaced by what, so that the rule must speak up.
def replaced(text: str, old: str, new: str) -> str:
    """Return the text with every occurrence of a part changed; the part must be there."""
    assert old in text, f"{old!r} is not in the page any more"
    return text.replace(old, new)
