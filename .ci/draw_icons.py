"""Draws the icons that need pixels, of the portal and of the sandbox, from their icon.svg.

Run it by hand after a change of an icon.svg, from the folder of the checkout, and commit what it writes:
.venv/bin/python .ci/draw_icons.py
"""

import struct
import sys
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from portal.pages.web.icons import ico  # noqa: E402
from tests.harness.chromium import chromium  # noqa: E402

FAVICON_SIZES = (16, 32, 48)
TOUCH_SIZE = 180
# Phones cut the corners and paint what is transparent black: the icon has a white ground and an edge.
TOUCH_SHARE = 0.72
# Of 16 levels of each channel: what stands between the colours of the drawing and its ground fits into a palette.
STEP = 17
DRAW = """async ([url, size, share, ground]) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const paper = canvas.getContext("2d");
    paper.fillStyle = ground;
    paper.fillRect(0, 0, size, size);
    const side = size * share, edge = (size - side) / 2;
    paper.drawImage(image, edge, edge, side, side);
    return [...paper.getImageData(0, 0, size, size).data];
}"""


def draw(browser: Browser, drawing: str, size: int, share: float = 1.0, ground: str = "transparent") -> bytes:
    """Return a PNG of a drawing that takes a share of a square with a ground; the size is in pixels."""
    with browser.new_page() as page:
        values = page.evaluate(DRAW, [f"data:image/svg+xml,{quote(drawing)}", size, share, ground])
    return indexed_png([_rounded(pixel) for pixel in _in_pieces(values, 4)], size)


def _in_pieces(values: list[Any], length: int) -> list[tuple[Any, ...]]:
    return [tuple(values[start : start + length]) for start in range(0, len(values), length)]


def _rounded(pixel: tuple[int, ...]) -> tuple[int, ...]:
    return (*pixel[:3], round(pixel[3] / STEP) * STEP) if pixel[3] >= STEP / 2 else (0, 0, 0, 0)


def indexed_png(pixels: list[tuple[int, ...]], size: int) -> bytes:
    """Return a PNG with a palette, in which the portal changes our accent to that of a brand.

    Raises ValueError if there are more than 256 colours.
    """
    palette = sorted(set(pixels), key=lambda pixel: (pixel[3], pixel))
    number = {colour: at for at, colour in enumerate(palette)}
    rows = (b"\0" + bytes(number[pixel] for pixel in row) for row in _in_pieces(pixels, size))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", size, size, 8, 3, 0, 0, 0),
        b"PLTE": b"".join(bytes(colour[:3]) for colour in palette),
        b"tRNS": bytes(colour[3] for colour in palette),
        b"IDAT": zlib.compress(b"".join(rows), 9),
        b"IEND": b"",
    }
    whole = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def main() -> None:
    """Write favicon.ico and apple-touch-icon.png next to each icon.svg."""
    with chromium() as browser:
        for folder in (ROOT / "static/img", ROOT / "portal/sandbox/static"):
            drawing = (folder / "icon.svg").read_text("utf-8")
            pictures = [draw(browser, drawing, size) for size in FAVICON_SIZES]
            (folder / "favicon.ico").write_bytes(ico(*pictures))
            touch = draw(browser, drawing, TOUCH_SIZE, TOUCH_SHARE, "#fff")
            (folder / "apple-touch-icon.png").write_bytes(touch)


if __name__ == "__main__":
    main()
