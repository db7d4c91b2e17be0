// Axe's rules take most of the time of the walk, so each part of a page is asked once.
const report = ({ violations }) =>
  violations.flatMap(({ id, help, nodes }) => nodes.map((it) => `${id}: ${help}: ${it.html} ${it.failureSummary}`));

// All but contrast depends on the elements and not on their words. A page with another header or footer is asked whole.
const sound = new Set();
walk.checks.structure = async () => {
  const parts = walk.parts().map((it) => [it, walk.skeleton(it)]).filter(([, skeleton]) => !sound.has(skeleton));
  if (!parts.length) return [];
  const isWhole = parts.some(([it]) => !it.closest("main"));
  const what = isWhole ? document : { include: parts.map(([it]) => it) };
  const results = await axe.run(what, { resultTypes: ["violations"], rules: { "color-contrast": { enabled: false } } });
  if (!results.violations.length) parts.forEach(([, skeleton]) => sound.add(skeleton));
  return report(results);
};

// What axe says of the headings of a page, which are in several parts.
walk.checks.headings = () => {
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].filter(walk.isSeen).map((it) => [it, Number(it.tagName[1])]);
  return levels.filter(([, level], index) => level > 1 + (index && levels[index - 1][1]))
    .map(([it]) => `a heading skips a level: ${walk.start(it)}`);
};

// Contrast depends on these alone. Each element that others stand in is read once, and what it does not paint is left out.
const isPlain = ({ backgroundColor, backgroundImage, opacity, filter }) =>
  backgroundColor === "rgba(0, 0, 0, 0)" && backgroundImage === "none" && opacity === "1" && filter === "none";
const colours = (element, grounds) => {
  if (!element) return "";
  if (!grounds.has(element)) {
    const style = getComputedStyle(element);
    const { backgroundColor, backgroundImage, opacity, filter } = style;
    const own = isPlain(style) ? "" : [backgroundColor, backgroundImage, opacity, filter].join();
    grounds.set(element, own + colours(element.parentElement, grounds));
  }
  return grounds.get(element);
};
const hasText = (element) =>
  /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName) ||
  [...element.childNodes].some((it) => it.nodeType === Node.TEXT_NODE && it.data.trim());
const legible = new Set();

walk.checks.contrast = async (theme) => {
  const [fresh, grounds] = [new Map(), new Map()];
  for (const element of document.body.querySelectorAll("*")) {
    if (!hasText(element) || !walk.isSeen(element)) continue;
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(element);
    const key = [theme, color, fontSize, fontWeight, textShadow, colours(element, grounds)].join();
    if (!legible.has(key)) fresh.set(key, element);
  }
  if (!fresh.size) return [];
  const what = { include: [...fresh.values()] };
  const results = await axe.run(what, { resultTypes: ["violations"], runOnly: ["color-contrast"] });
  if (!results.violations.length) [...fresh.keys()].forEach((key) => legible.add(key));
  return report(results).map((it) => `in ${theme} ${it}`);
};
