// A TV's calls to Zype, with the keys that a TV may hold.
const { appKey, clientId } = document.body.dataset;

function checked(answer) {
  if (!answer.ok) throw new Error(`Zype answered ${answer.status}`);
  return answer;
}

async function read(answer) {
  return checked(answer).json();
}

// Fields as in a query or a form.
function encoded(fields) {
  return Object.keys(fields).map((name) => `${name}=${encodeURIComponent(fields[name])}`).join("&");
}

function pinCall(name, device) {
  return `/pin/${name}?${encoded({ app_key: appKey, linked_device_id: device })}`;
}

// Gives the device a new PIN.
export async function acquire(device) {
  return (await read(await fetch(pinCall("acquire", device), { method: "POST" }))).response;
}

// Returns the status of a device; null for one that Zype does not know.
export async function status(device) {
  const answer = await fetch(pinCall("status", device), { cache: "no-store" });
  return answer.status === 404 ? null : (await read(answer)).response;
}

// Signs in with a linked PIN and returns the viewer's record.
export async function viewer(device, pin) {
  const token = await read(await fetch("/oauth/token", {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: encoded({ grant_type: "password", client_id: clientId, linked_device_id: device, pin }),
  }));
  const headers = { Authorization: `Bearer ${token.access_token}` };
  const info = await read(await fetch("/oauth/token/info", { headers }));
  return (await read(await fetch(`/consumers/${info.resource_owner_id}`, { headers }))).response;
}

// Returns the QR code of the device's PIN as an SVG document. Zype has no such call; the sandbox has.
export async function qr(device) {
  return checked(await fetch(`/tv/qr.svg?${encoded({ device })}`)).text();
}
