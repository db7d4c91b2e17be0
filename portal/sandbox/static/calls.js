// The list of the calls that the TV made, the newest last, without what is secret in them.
const list = document.getElementById("calls");
const SECRET = /\b(app_key|access_token|pin)=[^&]*/g;
const MOST = 60;
let last;
let times;

function outcome(status, answer) {
  if (!status) return "no answer";
  const device = answer.response;
  if (device && "linked" in device) return `${status}, linked: ${device.linked}`;
  return String(status);
}

export function record(method, target, body, status, answer) {
  if (!list) return;
  const sent = [`${method} ${target}`, body].filter(Boolean).join("  ").replace(SECRET, "$1=…");
  const line = `${sent}  →  ${outcome(status, answer)}`;
  times = line === last ? times + 1 : 1;
  if (times > 1) {
    list.lastElementChild.textContent = `${line}  × ${times}`;
    return;
  }
  last = line;
  const entry = document.createElement("li");
  entry.textContent = line;
  list.append(entry);
  if (list.childElementCount > MOST) list.firstElementChild.remove();
  list.scrollTop = list.scrollHeight;
}
