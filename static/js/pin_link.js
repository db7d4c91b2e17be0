// Puts the PIN of a link (#pin=...) into the form, after sign-in too, without ever sending it in a URL.
const KEY = "activate.pin";
const LIFETIME_MS = 30 * 60 * 1000;
const byId = (id) => document.getElementById(id);
const field = byId("pin");
function storage(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null; // The browser forbids storage: the PIN reaches only a form on this page.
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

function mark(isLink) {
  byId("from").value = isLink ? "link" : "";
  byId("prefilled-hint").hidden = !isLink;
}

function showPin() {
  const fresh = takeFromAddress();
  const pin = fresh || stored();
  if (fresh) document.querySelector(".error-summary")?.remove(); // It is about another PIN.
  if (field && pin) byId("original").value = pin; // With a letter more or less it is still the PIN of the link.
  if (field && pin && (fresh || !field.value)) {
    field.value = pin;
    mark(true);
  }
  if (stored()) byId("pin-kept")?.removeAttribute("hidden");
  document.querySelectorAll(".under-way").forEach((note) => (note.hidden = true));
}

if (document.querySelector("[data-forget-pin-now]")) forget();
showPin();
["hashchange", "pageshow"].forEach((event) => addEventListener(event, showPin));
addEventListener("submit", ({ target, submitter }) => {
  if (submitter && submitter.hasAttribute("formaction")) return; // The form goes elsewhere, with its PIN.
  if (target.matches("[data-forget-pin]")) forget();
  target.querySelector(".under-way")?.removeAttribute("hidden");
});
// Only where nothing of a link's PIN stays in the field, what comes next is the viewer's own.
const clear = (isOwn) => isOwn && (mark(false), forget());
field?.addEventListener("beforeinput", () => clear(field.selectionEnd - field.selectionStart === field.value.length));
field?.addEventListener("input", () => clear(!field.value));
