// Carries the PIN of a link (#pin=...) to the form, through sign-in too, and never in a URL that a server sees.
const KEY = "activate.pin";
const LIFETIME_MS = 30 * 60 * 1000;

const byId = (id) => document.getElementById(id);
const field = byId("pin");

// Where the browser forbids storage, it throws: the PIN then reaches a form on this page, and no further.
function storage(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

const keep = (pin) => storage((items) => items.setItem(KEY, JSON.stringify({ pin, time: Date.now() })));
const forget = () => storage((items) => items.removeItem(KEY));

function kept() {
  const entry = storage((items) => JSON.parse(items.getItem(KEY)));
  if (entry && Date.now() - entry.time < LIFETIME_MS) return entry.pin;
  forget();
  return "";
}

function takeFromAddress() {
  if (!location.hash.startsWith("#pin=")) return "";
  // A plus would be read as a space, which it is in a form but not in an address.
  const pin = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("pin");
  history.replaceState(history.state, "", location.pathname + location.search);
  if (pin) keep(pin);
  return pin;
}

function showSource(isLink) {
  byId("from").value = isLink ? "link" : "";
  byId("prefilled-hint").hidden = !isLink;
}

function arrive() {
  const fresh = takeFromAddress();
  const pin = fresh || kept();
  if (fresh) document.querySelector(".error-summary")?.remove(); // It spoke of another PIN.
  if (field && pin && (fresh || !field.value)) {
    field.value = pin;
    showSource(true);
  }
  if (kept()) byId("pin-kept")?.removeAttribute("hidden");
  document.querySelectorAll(".under-way").forEach((note) => (note.hidden = true));
}

if (document.querySelector("[data-forget-pin-now]")) forget();
arrive();
["hashchange", "pageshow"].forEach((event) => addEventListener(event, arrive));
addEventListener("submit", ({ target }) => {
  if (target.matches("[data-forget-pin]")) forget();
  target.querySelector(".under-way")?.removeAttribute("hidden");
});
field?.addEventListener("input", () => (showSource(false), forget()));
