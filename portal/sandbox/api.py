"""Zype's platform API as far as the portal and a TV use it: device PINs and consumers."""

from flask import Blueprint, Response, abort, g, jsonify, request

from portal.sandbox import cross_origin, documents, faults, forgotten_password, seed
from portal.sandbox.credentials import consumer_token, require_admin_key, require_key
from portal.sandbox.documents import JSON
from portal.sandbox.parameters import parameter, takes_put
from portal.sandbox.record import Call
from portal.sandbox.seed import Consumer, MagicPin
from portal.sandbox.state import sandbox
from portal.sandbox.store import Device

bp = Blueprint("api", __name__)
bp.after_request(cross_origin.allow)

_MAX_PER_PAGE = 100


@bp.post("/pin/acquire")
def acquire() -> tuple[JSON, int]:
    require_key()
    device_id = parameter("linked_device_id")
    if not device_id:
        abort(faults.error(422, "linked_device_id is missing."))
    sandbox().tokens.revoke_device(device_id)
    return _device_pin(sandbox().store.acquire(device_id)), 201


@bp.get("/pin/status")
def status() -> JSON:
    require_key()
    device = sandbox().store.status(parameter("linked_device_id"))
    if not device:
        abort(faults.error(404))
    return _device_pin(device)


@takes_put(bp, "/pin/link")
def link() -> Response:
    call, pin = _record_call(), parameter("pin")
    require_key()
    if not pin or not call.consumer_id:
        abort(faults.error(422, "consumer_id and pin are required."))
    consumer = sandbox().store.consumer(call.consumer_id)
    if not consumer:
        abort(faults.error(404, "Consumer not found"))
    magic = seed.find_magic_pin(pin)
    if magic:
        return _link_magic(call, magic, pin, consumer)
    device = sandbox().store.link(pin, consumer.id)
    call.done = device is not None
    if not device:
        abort(faults.error(404, "Device Pin not found"))
    return jsonify(response=_link_document(device))


@takes_put(bp, "/pin/unlink")
def unlink() -> JSON:
    call, pin = _record_call(), parameter("pin")
    require_key()
    magic = seed.find_magic_pin(pin)
    if magic and magic.word == "sticky":
        abort(faults.error(503))
    device = sandbox().store.unlink(pin, call.consumer_id)
    call.done = device is not None
    if not device:
        abort(faults.error(404, "Device Pin not found"))
    sandbox().tokens.revoke_device(device.linked_device_id)
    return _device_pin(device)


@bp.after_request
def record_status(response: Response) -> Response:
    if "call" in g:
        g.call.status = None if isinstance(response, faults.LostResponse) else response.status_code
    return response


@bp.get("/consumers")
def consumers() -> JSON:
    require_admin_key()
    store = sandbox().store
    email = request.args.get("email")
    if email is None:
        found = store.search(request.args.get("q", ""))
    else:
        consumer = store.consumer_by_email(email)
        found = [consumer] if consumer else []
    page = max(1, request.args.get("page", 1, int))
    per_page = min(max(1, request.args.get("per_page", 10, int)), _MAX_PER_PAGE)
    rows = found[(page - 1) * per_page : page * per_page]
    return documents.page([_consumer(row) for row in rows], page, per_page, len(found))


@takes_put(bp, "/consumers/forgot_password")
def forgot_password() -> JSON:
    require_key()
    consumer = sandbox().store.consumer_by_email(parameter("email"))
    if not consumer:
        abort(faults.error(422, "Email not found"))
    forgotten_password.send_mail(consumer)
    return {"message": "Password reset instructions sent."}


@bp.get("/consumers/<consumer_id>")
def consumer(consumer_id: str) -> JSON:
    # So a TV learns whom to greet.
    token = consumer_token()
    if not token:
        require_admin_key()
    elif token.consumer_id != consumer_id:
        abort(faults.error(401))
    found = sandbox().store.consumer(consumer_id)
    if not found:
        abort(faults.error(404))
    return {"response": _consumer(found)}


def _record_call() -> Call:
    arguments = parameter("consumer_id"), parameter("pin")
    g.call = call = sandbox().record.add(sandbox().clock(), "PUT", request.path.rstrip("/"), *arguments)
    return call


def _link_magic(call: Call, magic: MagicPin, pin: str, consumer: Consumer) -> Response:
    state = sandbox()
    failure = faults.failure(magic.word, state.stopping)
    if failure:
        return failure
    call.done = magic.links
    if magic.links:
        device = state.store.link_magic(pin, consumer.id)
    else:
        other = seed.ALICE if consumer.id == seed.MALLORY.id else seed.MALLORY
        device = state.store.make_device(pin, other.id if magic.word == "another" else None)
    return faults.distorted(magic.word, _link_document(device), state.stopping)


def _link_document(device: Device) -> JSON:
    """Return the DevicePin as PUT /pin/link answers it: the specification allows null for no field."""
    return {name: value for name, value in _device_pin(device)["response"].items() if value is not None}


def _device_pin(device: Device) -> JSON:
    consumer = sandbox().store.consumer(device.consumer_id or "")
    return {"response": documents.device_pin(device, consumer.subscriptions if consumer else None)}


def _consumer(consumer: Consumer) -> JSON:
    return documents.consumer(consumer, sandbox().store.devices(consumer.id))
