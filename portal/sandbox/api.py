"""Zype's platform API as far as the portal and a TV use it: device PINs and consumers."""

from hmac import compare_digest
from typing import Literal

from flask import Blueprint, Response, jsonify, request

from portal.sandbox import documents, faults, seed
from portal.sandbox.record import Call
from portal.sandbox.seed import MagicPin, Seed
from portal.sandbox.state import Sandbox, sandbox
from portal.sandbox.store import DevicePin

bp = Blueprint("api", __name__)

_LARGEST_PAGE = 100


@bp.post("/pin/acquire")
def acquire() -> Response:
    refusal = _refuse(sandbox(), "app")
    device_id = request.args.get("linked_device_id", "")
    if refusal or not device_id:
        return refusal or faults.message(422, "linked_device_id is missing.")
    answer = _device_pin(sandbox().store.acquire(device_id))
    answer.status_code = 201
    return answer


@bp.get("/pin/status")
def status() -> Response:
    refusal = _refuse(sandbox(), "app")
    device = sandbox().store.status(request.args.get("linked_device_id", ""))
    if refusal or not device:
        return refusal or faults.message(404)
    return _device_pin(device)


@bp.put("/pin/link")
def link() -> Response:
    call = _begin()
    answer = _refuse(sandbox(), "api") or _link(call)
    return _end(call, answer)


@bp.put("/pin/unlink")
def unlink() -> Response:
    call = _begin()
    answer = _refuse(sandbox(), "api") or _unlink(call)
    return _end(call, answer)


@bp.get("/consumers")
def consumers() -> Response:
    refusal = _refuse(sandbox(), "api")
    if refusal:
        return refusal
    store = sandbox().store
    email = request.args.get("email")
    if email is None:
        found = store.search(request.args.get("q", ""))
    else:
        one = store.consumer_by_email(email)
        found = [one] if one else []
    current = max(1, request.args.get("page", 1, int))
    per_page = min(max(1, request.args.get("per_page", 10, int)), _LARGEST_PAGE)
    rows = found[(current - 1) * per_page : current * per_page]
    return jsonify(documents.page([_consumer(row) for row in rows], current, per_page, len(found)))


@bp.get("/consumers/<consumer_id>")
def consumer(consumer_id: str) -> Response:
    # A viewer's own token opens their own record too: that is how a TV learns whom to greet.
    if request.authorization and request.authorization.type == "bearer":
        token = sandbox().tokens.find(request.authorization.token or "")
        refusal = None if token and token.consumer_id == consumer_id else faults.message(401)
    else:
        refusal = _refuse(sandbox(), "api")
    found = sandbox().store.consumer(consumer_id)
    if refusal or not found:
        return refusal or faults.message(404)
    return jsonify(response=_consumer(found))


def _refuse(box: Sandbox, level: Literal["app", "api"]) -> Response | None:
    """Return the refusal of a call whose key is missing, wrong or too weak; None for one that may go on."""
    if _same(request.args.get("api_key"), box.api_key):
        return None
    if not _same(request.args.get("app_key"), box.app_key):
        return faults.message(401)
    return None if level == "app" else faults.message(403)


def _same(given: str | None, key: str) -> bool:
    return given is not None and compare_digest(given.encode(), key.encode())


def _begin() -> Call:
    arguments = request.args.get("consumer_id", ""), request.args.get("pin", "")
    return sandbox().record.begin(sandbox().clock(), request.method, request.path, *arguments)


def _end(call: Call, answer: Response) -> Response:
    call.status = None if isinstance(answer, faults.NoAnswer) else answer.status_code
    return answer


def _link(call: Call) -> Response:
    pin = request.args.get("pin", "")
    if not pin or not call.consumer_id:
        return faults.message(422, "consumer_id and pin are required.")
    viewer = sandbox().store.consumer(call.consumer_id)
    if not viewer:
        return faults.message(404, "Consumer not found")
    magic = seed.magic(pin)
    if magic:
        return _link_magic(call, magic, pin, viewer)
    device = sandbox().store.link(pin, viewer.id)
    call.done = device is not None
    if not device:
        return faults.message(404, "Device Pin not found")
    return jsonify(response=_link_document(device))


def _link_magic(call: Call, magic: MagicPin, pin: str, viewer: Seed) -> Response:
    box = sandbox()
    fault = faults.without_link(magic.word, box.stopping)
    if fault:
        return fault
    call.done = magic.links
    if magic.links:
        device = box.store.link_magic(pin, viewer.id)
    else:
        stranger = seed.ALICE if viewer.id == seed.MALLORY.id else seed.MALLORY
        device = box.store.pretend(pin, stranger.id if magic.word == "another" else None)
    return faults.bent(magic.word, _link_document(device), box.stopping)


def _unlink(call: Call) -> Response:
    pin = request.args.get("pin", "")
    magic = seed.magic(pin)
    if magic and magic.word == "sticky":
        return faults.message(503)
    device = sandbox().store.unlink(pin, call.consumer_id)
    call.done = device is not None
    return _device_pin(device) if device else faults.message(404, "Device Pin not found")


def _link_document(device: DevicePin) -> documents.JSON:
    """Return the DevicePin as PUT /pin/link answers it: by the specification, no field of it may be null."""
    return {name: value for name, value in _document(device).items() if value is not None}


def _device_pin(device: DevicePin) -> Response:
    return jsonify(response=_document(device))


def _document(device: DevicePin) -> documents.JSON:
    return documents.device_pin(device, sandbox().store.consumer(device.consumer_id or ""))


def _consumer(row: Seed) -> documents.JSON:
    return documents.consumer(row, sandbox().store.devices(row.id))
