// How each of Zype's apps makes its calls, as far as that is known: what is in the query, what in the body.
const TYPES = { roku: "roku", fire: "aftv" };

export function deviceType(app) {
  return TYPES[app];
}

function encoded(fields) {
  return Object.keys(fields).map((name) => `${name}=${encodeURIComponent(fields[name])}`).join("&");
}

// Returns the path and the body of a call.
function shaped(app, method, path, fields) {
  const hasSlash = (app === "roku" && path.startsWith("/pin/")) || (app === "fire" && path === "/oauth/token/info");
  const inQuery = method === "GET" || (app === "fire" && path === "/pin/acquire");
  const whole = hasSlash ? path + "/" : path;
  return inQuery ? [`${whole}?${encoded(fields)}`, ""] : [whole, encoded(fields)];
}

// Returns the function with which activate-tv.js makes calls as an app does; `record` is told of each.
export function sender(app, record) {
  return async (method, url, fields, done) => {
    const [target, body] = shaped(app, method, new URL(url).pathname, fields);
    let status = 0;
    let answer = {};
    try {
      const headers = body ? { "Content-Type": "application/x-www-form-urlencoded" } : {};
      const options = { method, headers, cache: "no-store", credentials: app === "tizen" ? "include" : "omit" };
      const response = await fetch(target, body ? Object.assign(options, { body }) : options);
      answer = await response.json();
      status = response.status;
    } catch (error) {
      // Status 0: there was no whole answer.
    }
    record(method, target, body, status, answer);
    done(status, answer, 0);
  };
}

// Asks whom to greet, by the viewer's own token.
export function viewer(send, app, token, greet) {
  send("GET", location.origin + "/oauth/token/info", { access_token: token }, (status, info) => {
    if (status !== 200) return;
    const account = location.origin + "/consumers/" + info.resource_owner_id;
    send("GET", account, { access_token: token }, (read, answer) => {
      if (read === 200) greet(answer.response.name);
    });
  });
}
