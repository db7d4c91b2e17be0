"""The floor: the least Flask application that could link a TV, without anything that makes it safe to run.

A signed cookie says who is signed in, one ``requests.Session`` sends one PUT, and a template of ten lines is the page.
With ``FLOOR_DATABASE`` it is the durable floor: a row is committed to disk before the call to Zype and another one
after it. Its value is the path of an SQLite file, or a PostgreSQL's address in libpq's form.
"""

import hmac
import os
import secrets
import sqlite3
import threading
from typing import Any

import flask
import psycopg
import requests
from requests.adapters import HTTPAdapter

UPSTREAM = os.environ["FLOOR_UPSTREAM"]
DATABASE = os.environ.get("FLOOR_DATABASE", "")
THREADS = 32
INSERT = "INSERT INTO attempts (consumer_id, pin, outcome) VALUES ({0}, {0}, {0})"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Link your TV</title></head><body>
<h1>Link your TV</h1>
{% if message %}<p role="status">{{ message }}</p>{% endif %}
<form method="post" action="/activate">
<input type="hidden" name="csrf_token" value="{{ token }}">
<label for="pin">PIN from your TV</label>
<input id="pin" name="pin" autocomplete="off" value="{{ pin }}">
<button>Link my TV</button></form>
</body></html>"""
MESSAGES = {200: "Your TV is linked", 404: "PIN not found"}
BUSY = "We can't link your TV right now"

app = flask.Flask("floor")
app.secret_key = "not-a-secret-of-anything"
page = app.jinja_env.from_string(PAGE)
http = requests.Session()
http.mount(UPSTREAM, HTTPAdapter(pool_maxsize=THREADS))
own = threading.local()
# SQLite's own wait for another writer sleeps, so that the threads of a worker take turns before it.
turn = threading.Lock()


def connection() -> Any:
    """Return this thread's connection to the database."""
    if not hasattr(own, "connection"):
        if DATABASE.startswith("/"):
            own.connection = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)
            own.connection.execute("PRAGMA journal_mode=WAL")
            own.connection.execute("PRAGMA synchronous=FULL")
        else:
            own.connection = psycopg.connect(DATABASE, autocommit=True)
    return own.connection


def record(*row: str | None) -> None:
    """Commit a row to disk."""
    if DATABASE.startswith("/"):
        with turn:
            connection().execute(INSERT.format("?"), row)
    elif DATABASE:
        connection().execute(INSERT.format("%s"), row)


def token() -> str:
    """Return the token of the forms of this browser."""
    if "token" not in flask.session:
        flask.session["token"] = secrets.token_urlsafe(24)
    return str(flask.session["token"])


@app.get("/healthz")
def healthz() -> str:
    return "ok"


@app.get("/sign-in/<consumer_id>")
def sign_in(consumer_id: str) -> Any:
    flask.session["consumer_id"] = consumer_id
    return flask.redirect("/activate")


@app.get("/activate")
def enter_pin() -> str:
    return page.render(token=token(), message="", pin="")


@app.post("/activate")
def send_pin() -> tuple[str, int]:
    form, consumer_id = flask.request.form, flask.session["consumer_id"]
    if not hmac.compare_digest(form["csrf_token"], token()):
        flask.abort(400)
    pin = form["pin"].strip().lower()
    record(consumer_id, pin, None)
    query = {"consumer_id": consumer_id, "pin": pin, "api_key": "key"}
    status = http.put(f"{UPSTREAM}/pin/link", params=query, timeout=(3, 8)).status_code
    record(consumer_id, pin, str(status))
    return page.render(token=token(), message=MESSAGES.get(status, BUSY), pin=pin), 200 if status in MESSAGES else 503
