// Acquires a PIN, shows it, waits until it is linked, greets the viewer, and notices when it is unlinked.
import * as screen from "./screen.js";
import * as zype from "./zype.js";

const POLL_MILLISECONDS = 2000;
const stored = sessionStorage.getItem("device");
const device = stored || newId();
let isNew = stored === null;
let shown;

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `tv-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// Returns the status of the device, with a new PIN if the last one has expired.
async function currentStatus() {
  const status = isNew ? null : await zype.status(device);
  isNew = false;
  const isExpired = !status || (!status.linked && Date.parse(status.pin_expiration) <= Date.now());
  return isExpired ? zype.acquire(device) : status;
}

async function update() {
  const { pin, linked, pin_expiration: end } = await currentStatus();
  if (!linked) screen.showLife(Date.parse(end));
  const next = `${pin} ${linked}`;
  if (next === shown) return;
  if (linked) screen.greet((await zype.viewer(device, pin)).name);
  else screen.showPin(pin, await zype.qr(device));
  shown = next;
}

async function poll() {
  try {
    await update();
    screen.showNotice("");
  } catch (error) {
    screen.showNotice("Can't reach Zype. Trying again…");
  }
  setTimeout(poll, POLL_MILLISECONDS);
}

document.getElementById("restart").addEventListener("click", () => {
  sessionStorage.removeItem("device");
  location.reload();
});
sessionStorage.setItem("device", device);
poll();
