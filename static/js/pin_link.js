// Puts the PIN of a link (#pin=...) into the form, after sign-in too, without ever sending it in a URL.
const KEY = "activate.pin";
// In any case and among other parameters, as portal/pages/web/paths.py finds it in a query.
const NAMED = /(?:^|[^\w-])pin\s*=([^?&#;]*)/i;
const byId = (id) => document.getElementById(id);
const field = byId("pin");
let pressed;
// Null where it throws: storage that the browser forbids, or a text that is not percent-encoded.
const attempt = (use) => { try { return use(); } catch (error) { return null; } };
const decoded = (text) => attempt(() => decodeURIComponent(text)) || text;
const keep = (pin) => attempt(() => sessionStorage.setItem(KEY, JSON.stringify({ pin, time: Date.now() })));
const forget = () => attempt(() => sessionStorage.removeItem(KEY));
const stored = () => attempt(() => {
  const { pin, time } = JSON.parse(sessionStorage.getItem(KEY));
  return Date.now() - time < 30 * 60 * 1000 ? pin : forget(); // Half an hour.
});
const show = (note, isShown) => note && (note.hidden = !isShown);
const mark = (isLink) => {
  byId("from").value = isLink ? "link" : "";
  show(byId("prefilled-hint"), isLink);
};

// What is not understood leaves the address too. A place on the page stays, and so does the query of other pages.
function takeFromAddress() {
  const fragment = decoded(decoded(location.hash.slice(1))).normalize("NFKC");
  const bare = location.href.split(location.pathname === "/activate" ? /[?#]/ : "#")[0];
  if (bare === location.href || byId(fragment)) return "";
  history.replaceState(history.state, "", bare);
  const pin = ((NAMED.exec(fragment) || [])[1] || "").trim();
  if (pin) keep(pin);
  return pin;
}

function showPin() {
  const fresh = takeFromAddress();
  const pin = fresh || stored();
  // An error is about another PIN, so load the page again: with a query, since a new fragment alone loads nothing.
  const isAfterError = fresh && field && document.querySelector(".error-summary");
  if (isAfterError) return location.replace(`/activate?#pin=${encodeURIComponent(fresh)}`);
  if (field && pin) byId("original").value = pin; // With a letter more or less it is still the PIN of the link.
  if (field && pin && (fresh || !field.value)) { field.value = pin; mark(true); }
  if (stored()) show(byId("pin-kept"), true);
}

if (document.querySelector("[data-forget-pin-now]")) forget();
showPin();
["hashchange", "pageshow"].forEach((event) => addEventListener(event, showPin));
addEventListener("click", ({ target }) => (pressed = target));
addEventListener("submit", ({ target }) => {
  if (pressed && pressed.closest("[formaction]")) return; // The form goes elsewhere, with its PIN.
  if (target.matches("[data-forget-pin]")) forget();
});
// Only where nothing of a link's PIN stays in the field, what comes next is the viewer's own.
const clear = (isOwn) => isOwn && (mark(false), forget());
const isAllSelected = () => field.selectionEnd - field.selectionStart === field.value.length;
if (field) field.addEventListener("beforeinput", () => clear(isAllSelected()));
if (field) field.addEventListener("input", () => clear(!field.value));
