"""Pictures as PNG files: put together, written small, and compared, all by a browser that draws them."""

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

# Several windows beside each other on nothing, so that they stand well on a light and on a dark page.
FRAMES = """<!DOCTYPE html><style>
  body { display: inline-flex; align-items: center; gap: 24px; margin: 0; padding: 4px; }
  img { display: block; border: 8px solid #2c313b; border-radius: 24px; }
  img.tv { border-radius: 12px; }
</style><body>"""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Pixels that differ by less in each of their colours are the same: the kept ones have fewer colours.
ALIKE, MOST_DIFFERENT = 40, 0.0005
# A file with a palette has a quarter of the bytes. It could have 256 colours, but each makes it larger.
COLOURS = 160
PIXELS = """async (picture) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}"""
# Returns the size of a picture, a palette for it, and for each pixel the number of the colour that is nearest. First
# come the commonest colours that are far from each other, so that none of the picture is far from all of them.
PALETTE = """async ([picture, most]) => {
  const { width, height, data } = await pixels(picture);
  const seen = new Uint32Array(data.buffer);
  const counts = new Map();
  for (const colour of seen) counts.set(colour, (counts.get(colour) || 0) + 1);
  const parts = (colour) => [0, 8, 16, 24].map((shift) => (colour >>> shift) & 255);
  const colours = [...counts].sort(([a, as], [b, bs]) => bs - as || a - b).map(([colour]) => parts(colour));
  const palette = [];
  const nearest = (colour) => {
    let [found, least] = [0, Infinity];
    palette.forEach((it, number) => {
      const distance = Math.max(...it.map((part, index) => Math.abs(part - colour[index])));
      if (distance < least) [found, least] = [number, distance];
    });
    return [found, least];
  };
  for (const apart of [40, 20, 1, 0])
    for (const colour of colours)
      if (palette.length < most && nearest(colour)[1] > apart) palette.push(colour);
  const key = (colour) => (colour[0] | (colour[1] << 8) | (colour[2] << 16) | (colour[3] << 24)) >>> 0;
  const numbers = new Map(colours.map((colour) => [key(colour), nearest(colour)[0]]));
  const reader = new FileReader();
  const read = new Promise((resolve) => (reader.onload = resolve));
  reader.readAsDataURL(new Blob([Uint8Array.from(seen, (colour) => numbers.get(colour))]));
  await read;
  return [width, height, palette, reader.result.split(",")[1]];
}"""
# Returns how much of two pictures is different, from 0 to 1.
DIFFERENCE = """async ([first, second, alike]) => {
  const [{ width, height, data }, other] = await Promise.all([pixels(first), pixels(second)]);
  if (other.width !== width || other.height !== height) return 1;
  let different = 0;
  for (let at = 0; at < data.length; at += 4) {
    if ([0, 1, 2, 3].some((part) => Math.abs(data[at + part] - other.data[at + part]) > alike)) different++;
  }
  return different / (width * height);
}"""


def framed(page: Page, shots: Sequence[bytes], first: str = "phone") -> bytes:
    """Return shots beside each other, each in the frame of a phone; the first may be a ``tv``."""
    kinds = [first, *["phone"] * (len(shots) - 1)]
    images = (
        f'<img class="{kind}" src="data:image/png;base64,{_text(it)}">' for kind, it in zip(kinds, shots, strict=True)
    )
    page.set_content(FRAMES + "".join(images))
    return page.locator("body").screenshot(omit_background=True)


def small(page: Page, picture: bytes) -> bytes:
    """Return a picture as a small file: one of Chromium's own has five times the bytes."""
    width, height, palette, text = _asked(page, PALETTE, _text(picture), COLOURS)
    numbers = base64.b64decode(text)
    lines = b"".join(b"\0" + numbers[start : start + width] for start in range(0, len(numbers), width))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": b"".join(bytes(colour[:3]) for colour in palette),
        b"tRNS": bytes(colour[3] for colour in palette),
        b"IDAT": zlib.compress(lines, 9),
        b"IEND": b"",
    }
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks.items())


def is_stale(page: Page, kept: bytes, made: bytes) -> bool:
    """Tell whether a picture that is kept shows something else than one that was made just now."""
    return bool(_asked(page, DIFFERENCE, _text(kept), _text(made), ALIKE) > MOST_DIFFERENT)


def _asked(page: Page, script: str, *arguments: str | int) -> Any:
    return page.evaluate(f"async (given) => {{ const pixels = {PIXELS}; return ({script})(given) }}", list(arguments))


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
