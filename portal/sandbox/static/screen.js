// The content of the TV's screen.
const element = (id) => document.getElementById(id);

// Replaces the content of an element. Older browsers have no replaceChildren.
function fill(parent, ...children) {
  parent.textContent = "";
  parent.append(...children);
}

export function showNotice(text) {
  element("notice").textContent = text;
}

// Shows a PIN, its QR code, an SVG document as text, and how long it lasts. Digits have another colour than letters, to
// tell 0 from o.
export function showPin(pin, svg, seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  element("life").textContent = `The PIN works for ${minutes} minute${minutes === 1 ? "" : "s"}.`;
  const link = document.querySelector("#qr a");
  const drawing = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  fill(link, document.importNode(drawing, true));
  link.href = `${document.body.dataset.activateUrl}#pin=${pin}`;
  fill(element("pin"), ...Array.from(pin, (character) => {
    const span = document.createElement("span");
    span.className = /\d/.test(character) ? "digit" : "letter";
    span.textContent = character;
    return span;
  }));
  showScreen("waiting");
}

// Shows no PIN: the last one has expired, and there is no other yet.
export function hidePin() {
  showScreen("");
}

export function greet(name) {
  const viewer = document.createElement("bdi");
  viewer.setAttribute("translate", "no");
  viewer.textContent = name;
  fill(element("greeting"), "Hello, ", viewer);
  showScreen("home");
}

function showScreen(screen) {
  for (const id of ["waiting", "home"]) element(id).hidden = id !== screen;
}
