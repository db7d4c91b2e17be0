// What a keyboard reaches shows that it has the focus, and lies under nothing else.
const REACHED = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
const THINNEST_OUTLINE = 2;
const SMALLEST_CONTRAST = 3;

const luminance = ([red, green, blue]) => {
  const linear = [red, green, blue].map((it) => (it <= 10.31 ? it / 3294.6 : ((it / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const known = new Map();
// The page's own way to write a colour may be any of CSS.
const channels = (colour) => {
  if (!known.has(colour)) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
  }
  return known.get(colour);
};
const contrast = (one, other) => {
  const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
};
const ground = (element) => {
  for (let it = element.parentElement; it; it = it.parentElement) {
    const colour = channels(getComputedStyle(it).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return channels("Canvas");
};

const faultOfOutline = (element) => {
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
  if (outlineStyle === "none" || parseFloat(outlineWidth) < THINNEST_OUTLINE) return "has no outline with the focus";
  const found = contrast(channels(outlineColor), ground(element));
  return found < SMALLEST_CONTRAST ? `has an outline of contrast ${found.toFixed(1)} with the focus` : "";
};
const faultOfPlace = (element) => {
  const box = element.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height, 44) / 2];
  const top = document.elementFromPoint(x, y);
  if (!top) return "is outside of the window with the focus";
  return element.contains(top) || top.contains(element) || top.closest("label")?.control === element
    ? "" : `is under ${walk.start(top)} with the focus`;
};

// Elements of one kind, in the same surroundings, are looked at once in each view.
const seen = new Set();
const isNew = (element) => {
  const key = [innerWidth, walk.outline(element.cloneNode(false))];
  for (let it = element.parentElement; it; it = it.parentElement) key.push(it.tagName, it.className);
  const text = key.join();
  return !seen.has(text) && seen.add(text);
};
const faultsOfFocus = (element) => {
  element.focus();
  if (document.activeElement !== element) return ["takes no focus"];
  return [faultOfOutline(element), faultOfPlace(element)].filter((it) => it);
};

walk.checks.focus = () =>
  [...document.querySelectorAll(REACHED)].filter((it) => it.tabIndex >= 0 && walk.isSeen(it) && isNew(it))
    .flatMap((it) => faultsOfFocus(it).map((fault) => `${fault}: ${walk.start(it)}`));

// The browser follows the order of the document, and with a number more than that nobody can tell the order.
walk.checks.order = () =>
  [...document.querySelectorAll("[tabindex]")]
    .filter((it) => it.tabIndex > 0).map((it) => `has a place of its own in the order: ${walk.start(it)}`);
