"""The brand's icon in the formats that browsers and phones ask for, whether a page names them or not."""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

# Names among the static files.
DRAWING, FAVICON, TOUCH = "img/icon.svg", "img/favicon.ico", "img/apple-touch-icon.png"
# In pixels, as the names that iOS has asked for since its first version say; it scales what it gets.
TOUCH_SIZES = (57, 60, 72, 76, 114, 120, 144, 152, 167, 180)


# The accent that our own icons are drawn in.
OWN_COLOUR = bytes.fromhex("1f5eff")
PALETTE = b"PLTE"


@dataclass(frozen=True)
class IconLink:
    """A link in the head of every page: relation, type, name among the static files, and size if it has only one."""

    rel: str
    type: str
    name: str
    sizes: str | None = None


_TOUCH_LINK = IconLink("apple-touch-icon", "image/png", TOUCH)
# With its size: else Chromium prefers it to a drawing, which fits every size.
_FAVICON_LINK = IconLink("icon", "image/x-icon", FAVICON, "32x32")
_DRAWN = (_FAVICON_LINK, IconLink("icon", "image/svg+xml", DRAWING), _TOUCH_LINK)
_PAINTED = (IconLink("icon", "image/png", TOUCH), _TOUCH_LINK)


def files(icon: Path | None) -> dict[str, bytes]:
    """Return the content of the icons that replace our own, by name: of PORTAL_BRAND_ICON, a drawing or a picture."""
    if icon is None:
        return {}
    content = icon.read_bytes()
    return {DRAWING: content} if _is_drawing(icon) else {TOUCH: content, FAVICON: ico(content)}


def in_colour(content: bytes, colour: str) -> bytes:
    """Return one of our own icons in another accent, as ``#rrggbb``: a drawing, or pictures with a palette."""
    if PALETTE not in content:
        return content.replace(f"#{OWN_COLOUR.hex()}".encode(), colour.encode())
    pictures, wanted = bytearray(content), bytes.fromhex(colour[1:])
    at = content.find(PALETTE)
    while at >= 0:
        start, end = at + 4, at + 4 + int.from_bytes(content[at - 4 : at])
        pictures[start:end] = _palette(content[start:end], wanted)
        pictures[end : end + 4] = zlib.crc32(pictures[at:end]).to_bytes(4)
        at = content.find(PALETTE, end)
    return bytes(pictures)


def _palette(entries: bytes, wanted: bytes) -> bytes:
    """Return a palette between our own accent and white as one between another accent and white."""
    changed = bytearray()
    for start in range(0, len(entries), 3):
        white = max(0.0, (entries[start] - OWN_COLOUR[0]) / (255 - OWN_COLOUR[0]))
        changed += bytes(round(channel + white * (255 - channel)) for channel in wanted)
    return bytes(changed)


def links(icon: Path | None) -> tuple[IconLink, ...]:
    """Return the links for the head of a page; a browser takes the last icon whose type it can show."""
    return _DRAWN if icon is None or _is_drawing(icon) else _PAINTED


def root_paths() -> dict[str, str]:
    """Return the paths that are asked for without a link, with the name of the static file that answers each."""
    touch = ["", *(f"-{size}x{size}" for size in TOUCH_SIZES)]
    names = [f"/apple-touch-icon{size}{end}.png" for size in touch for end in ("", "-precomposed")]
    return {"/favicon.ico": FAVICON, **dict.fromkeys(names, TOUCH)}


def ico(*pictures: bytes) -> bytes:
    """Return an ICO file of PNG pictures, as they are: every browser that reads ICO reads PNG in it."""
    entries, start = [], 6 + 16 * len(pictures)
    for picture in pictures:
        # One byte each: 0 is 256 pixels, or more in a PNG, which has its own size.
        width, height = (side if side < 256 else 0 for side in struct.unpack(">II", picture[16:24]))
        entries.append(struct.pack("<BBBBHHII", width, height, 0, 0, 1, 32, len(picture), start))
        start += len(picture)
    return b"".join([struct.pack("<HHH", 0, 1, len(pictures)), *entries, *pictures])


def _is_drawing(icon: Path) -> bool:
    return icon.suffix.lower() == ".svg"
