/* activate-tv.js: links a web TV to an account at Zype. ES5. docs/tv-apps.md has more. MIT licence. */
(function (root) {
  "use strict";

  // Seconds.
  var POLL = 5, SLOW_POLL = 15, SLOW_AFTER = 300, WATCH = 60, LONGEST_PAUSE = 60, ANSWER = 15, LIFE = 1800, EARLY = 120;

  // A clock that never goes back. TVs set theirs late, and one of the two may stop in a sleep: the faster counts.
  function newClock() {
    var ticks = root.performance && root.performance.now ? root.performance : null;
    var elapsed = 0, date = Date.now(), tick = ticks ? ticks.now() : 0;
    return function () {
      var dateNow = Date.now(), tickNow = ticks ? ticks.now() : 0;
      elapsed += Math.max(dateNow - date, tickNow - tick, 0);
      date = dateNow;
      tick = tickNow;
      return elapsed / 1000;
    };
  }

  function encoded(fields) {
    return Object.keys(fields).map(function (name) {
      return encodeURIComponent(name) + "=" + encodeURIComponent(fields[name]);
    }).join("&");
  }

  function parsed(text) {
    try {
      return JSON.parse(text) || {};
    } catch (error) {
      return {};
    }
  }

  // Keeps a text over a restart, where the TV lets us; returns what is kept.
  function kept(name, text) {
    try {
      if (text) root.localStorage.setItem("activate-tv." + name, text);
      return root.localStorage.getItem("activate-tv." + name);
    } catch (error) {
      return null;
    }
  }

  // Seconds that the PIN of before a restart still lasts; 0 if the clock of the TV has been set meanwhile.
  function rest(pinId) {
    var life = parsed(kept("life")), now = Date.now();
    return life.id === pinId && life.from <= now && now < life.to ? (life.to - now) / 1000 : 0;
  }

  // Sends one call; `done(status, answer, retryAfter)` is called once, with status 0 if there was no whole answer.
  function send(method, url, fields, done) {
    var request = new XMLHttpRequest(), isDone = false, timer;
    function finish(status) {
      var seconds = 0;
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      if (status === 429 || status === 503) seconds = parseInt(request.getResponseHeader("Retry-After"), 10) || 0;
      done(status, status ? parsed(request.responseText) : {}, seconds);
    }
    request.onload = function () { finish(request.status); };
    request.onerror = request.onabort = function () { finish(0); };
    timer = setTimeout(function () { finish(0); request.abort(); }, ANSWER * 1000);
    request.open(method, method === "GET" ? url + "?" + encoded(fields) : url, true);
    if (method !== "GET") request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    request.send(method === "GET" ? null : encoded(fields));
  }

  function isLinked(device) {
    return device.linked === true || device["linked true"] === true;
  }

  // Seconds that a PIN lasts, by Zype's own clock: that of the TV may be wrong.
  function lifeOf(device) {
    var seconds = (Date.parse(device.pin_expiration) - Date.parse(device.created_at)) / 1000;
    return seconds > 0 ? seconds : LIFE;
  }

  // Shows a PIN until the TV is linked, signs in, and begins again if the TV is unlinked later.
  function start(options) {
    var api = options.api || "https://api.zype.com", login = options.login || "https://login.zype.com";
    var clock = newClock(), call = options.send || send;
    var pin = null, shownAt, endsAt, renewAt, linkedPin = null, failures = 0, timer = null, isStopped = false;

    function tell(name, value) {
      if (options[name]) options[name](value);
    }

    function ask(method, url, fields, done) {
      timer = null;
      call(method, url, fields, function (status, answer, retryAfter) {
        if (!isStopped) done(status, answer || {}, retryAfter || 0);
      });
    }

    function pinFields() {
      var fields = { app_key: options.appKey, linked_device_id: options.deviceId };
      if (options.deviceType) fields.type = options.deviceType;
      return fields;
    }

    function look() {
      ask("GET", api + "/pin/status", pinFields(), function (status, answer, retryAfter) {
        var device = answer.response;
        if (status === 404) return begin();
        if (status !== 200 || !device) return fail(status, retryAfter);
        if (isLinked(device) && device.pin === linkedPin) return succeed(WATCH);
        if (isLinked(device)) return signIn(device);
        if (linkedPin === null && pin === null && rest(device._id) > EARLY) show(device, rest(device._id));
        // Of a PIN that this TV has not shown nobody knows how long it lasts.
        if (linkedPin !== null || device.pin !== pin || clock() >= renewAt) return begin();
        succeed(clock() - shownAt < SLOW_AFTER ? POLL : SLOW_POLL);
      });
    }

    // Gets another PIN. The last one stays on the screen until then.
    function begin() {
      if (linkedPin !== null) {
        linkedPin = null;
        tell("onUnlinked");
      }
      ask("POST", api + "/pin/acquire", pinFields(), function (status, answer, retryAfter) {
        var device = answer.response;
        if (status < 200 || status > 299 || !device || !device.pin) return fail(status, retryAfter);
        kept("life", JSON.stringify({ id: device._id, from: Date.now(), to: Date.now() + lifeOf(device) * 1000 }));
        show(device, lifeOf(device));
        succeed(POLL);
      });
    }

    function show(device, life) {
      var link;
      pin = device.pin;
      shownAt = clock();
      endsAt = shownAt + life;
      renewAt = endsAt - Math.min(EARLY, life / 4);
      link = options.activateUrl + "#pin=" + encodeURIComponent(pin);
      tell("onPin", { pin: pin, url: options.activateUrl, link: link, seconds: life });
    }

    function signIn(device) {
      var fields = { grant_type: "password", client_id: options.clientId };
      fields.linked_device_id = options.deviceId;
      fields.pin = device.pin;
      ask("POST", login + "/oauth/token", fields, function (status, answer, retryAfter) {
        if (status !== 200 || !answer.access_token) return fail(status, retryAfter);
        pin = null;
        linkedPin = device.pin;
        tell("onLinked", answer);
        succeed(WATCH);
      });
    }

    function succeed(seconds) {
      if (failures) tell("onTrouble", null);
      failures = 0;
      pause(seconds);
    }

    function fail(status, retryAfter) {
      failures += 1;
      if (pin !== null && clock() >= endsAt) {
        pin = null;
        tell("onPin", null);
      }
      tell("onTrouble", status);
      pause(Math.max(retryAfter, Math.min(LONGEST_PAUSE, POLL * Math.pow(2, failures - 1))));
    }

    // A fifth more or less, so that TVs that began together do not ask together.
    function pause(seconds) {
      var least = pin === null ? seconds : Math.min(seconds, Math.max(endsAt - clock(), 1));
      if (!isStopped) timer = setTimeout(look, least * (0.8 + 0.4 * Math.random()) * 1000);
    }

    // After a sleep or a lost network, look soon; a call under way goes on.
    function hurry() {
      if (timer === null || isStopped || root.document.hidden) return;
      clearTimeout(timer);
      timer = setTimeout(look, 2000 * Math.random());
    }

    root.addEventListener("online", hurry);
    root.document.addEventListener("visibilitychange", hurry);
    look();
    return {
      stop: function () {
        isStopped = true;
        clearTimeout(timer);
        root.removeEventListener("online", hurry);
        root.document.removeEventListener("visibilitychange", hurry);
      }
    };
  }

  // Returns the id of this TV, made once and kept: Zype knows the TV by it.
  function deviceId() {
    var id = kept("device"), bytes, i;
    if (id) return id;
    bytes = root.crypto.getRandomValues(new Uint8Array(16));
    for (id = "tv-", i = 0; i < bytes.length; i += 1) id += (256 + bytes[i]).toString(16).slice(1);
    return kept("device", id) || id;
  }

  root.ActivateTV = { start: start, deviceId: deviceId, send: send };
}(window));
