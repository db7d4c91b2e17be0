// What stands on the TV's screen.
const at = (id) => document.getElementById(id);

export function say(text) {
  at("notice").textContent = text;
}

// Says for how long the PIN works; `end` is in milliseconds since 1970.
export function showLife(end) {
  const minutes = Math.max(1, Math.round((end - Date.now()) / 60000));
  at("life").textContent = `The PIN works for ${minutes} more minute${minutes === 1 ? "" : "s"}.`;
}

// Shows a PIN and its QR code, an SVG document as text. Digits have a colour of their own: 0 is no o.
export function showPin(pin, svg) {
  const link = document.querySelector("#qr a");
  const drawing = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  link.replaceChildren(document.importNode(drawing, true));
  link.href = `${document.body.dataset.activateUrl}#pin=${pin}`;
  at("pin").replaceChildren(...Array.from(pin, (character) => {
    const span = document.createElement("span");
    span.className = /\d/.test(character) ? "digit" : "letter";
    span.textContent = character;
    return span;
  }));
  turnTo("waiting");
}

export function greet(name) {
  at("greeting").textContent = `Hello, ${name}`;
  turnTo("home");
}

function turnTo(screen) {
  for (const id of ["waiting", "home"]) at(id).hidden = id !== screen;
}
