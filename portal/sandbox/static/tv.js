// The TV's life: get a PIN, show it, wait until it is linked, greet the viewer, notice when it is unlinked.
import * as screen from "./screen.js";
import * as zype from "./zype.js";

const POLL = 2000;
const known = sessionStorage.getItem("device");
const device = known ?? newId();
let isNew = known === null;
let shown;

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `tv-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// Returns how the device stands, with a new PIN where the last one is over.
async function stand() {
  const state = isNew ? null : await zype.status(device);
  isNew = false;
  const isOver = !state || (!state.linked && Date.parse(state.pin_expiration) <= Date.now());
  return isOver ? zype.acquire(device) : state;
}

async function look() {
  const { pin, linked, pin_expiration: end } = await stand();
  if (!linked) screen.showLife(Date.parse(end));
  const next = `${pin} ${linked}`;
  if (next === shown) return;
  if (linked) screen.greet((await zype.viewer(device, pin)).name);
  else screen.showPin(pin, await zype.qr(device));
  shown = next;
}

async function live() {
  try {
    await look();
    screen.say("");
  } catch {
    screen.say("Can't reach Zype. Trying again…");
  }
  setTimeout(live, POLL);
}

document.getElementById("restart").addEventListener("click", () => {
  sessionStorage.removeItem("device");
  location.reload();
});
sessionStorage.setItem("device", device);
live();
