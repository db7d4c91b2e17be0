// Puts the PIN of a link (#pin=...) into the form, after sign-in too, without ever sending it in a URL.
const KEY = "activate.pin";
const LIFETIME_MS = 30 * 60 * 1000;

const byId = (id) => document.getElementById(id);
const field = byId("pin");

// Throws where the browser forbids storage: then the PIN reaches only a form on this page.
function storage(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

const keep = (pin) => storage((items) => items.setItem(KEY, JSON.stringify({ pin, time: Date.now() })));
const forget = () => storage((items) => items.removeItem(KEY));

function stored() {
  const entry = storage((items) => JSON.parse(items.getItem(KEY)));
  if (entry && Date.now() - entry.time < LIFETIME_MS) return entry.pin;
  forget();
  return "";
}

function takeFromAddress() {
  if (!location.hash.startsWith("#pin=")) return "";
  // URLSearchParams reads a plus as a space, which it is not in an address.
  const pin = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("pin");
  history.replaceState(history.state, "", location.pathname + location.search);
  if (pin) keep(pin);
  return pin;
}

function showSource(isLink) {
  byId("from").value = isLink ? "link" : "";
  byId("prefilled-hint").hidden = !isLink;
}

function showPin() {
  const fresh = takeFromAddress();
  const pin = fresh || stored();
  if (fresh) document.querySelector(".error-summary")?.remove(); // It is about another PIN.
  if (field && pin && (fresh || !field.value)) {
    field.value = pin;
    showSource(true);
  }
  if (stored()) byId("pin-kept")?.removeAttribute("hidden");
  document.querySelectorAll(".under-way").forEach((note) => (note.hidden = true));
}

if (document.querySelector("[data-forget-pin-now]")) forget();
showPin();
["hashchange", "pageshow"].forEach((event) => addEventListener(event, showPin));
addEventListener("submit", ({ target }) => {
  if (target.matches("[data-forget-pin]")) forget();
  target.querySelector(".under-way")?.removeAttribute("hidden");
});
field?.addEventListener("input", () => (showSource(false), forget()));
