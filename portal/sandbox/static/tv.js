// A TV: activate-tv.js gets its PIN and waits until it is linked; this shows what happens.
import { deviceType, sender, viewer } from "./apps.js";
import { record } from "./calls.js";
import { keptId } from "./device.js";
import * as screen from "./screen.js";

const { activateUrl, app, appKey, clientId } = document.body.dataset;
const kept = `device-${app}${location.search}`;
const call = sender(app, record);
let isNew = sessionStorage.getItem(kept) === null;

const deviceId = keptId(kept);

// Zype can't know a TV that is new: to ask would only put an error on the console.
function send(method, url, fields, done) {
  const isKnown = !isNew;
  isNew = false;
  if (isKnown) call(method, url, fields, done);
  else done(404, {}, 0);
}

async function draw(device) {
  const answer = await fetch(`/tv/qr.svg?device=${device}`);
  return answer.ok ? answer.text() : "";
}

const options = {
  api: location.origin,
  login: location.origin,
  activateUrl,
  appKey,
  clientId,
  deviceId,
  deviceType: deviceType(app),
  send,
  async onPin(shown) {
    if (shown) screen.showPin(shown.pin, await draw(deviceId), shown.seconds);
    else screen.hidePin();
  },
  onLinked(token) {
    viewer(send, app, token.access_token, (name) => {
      screen.showNotice("");
      screen.greet(name);
    });
  },
  onUnlinked() {
    screen.showNotice("This TV was unlinked.");
  },
  onTrouble(status) {
    screen.showNotice(status === null ? "" : "Can't reach Zype. Trying again…");
  },
};

document.getElementById("restart").addEventListener("click", () => {
  sessionStorage.removeItem(kept);
  location.reload();
});
window.ActivateTV.start(options);
