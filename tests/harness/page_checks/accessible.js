// Axe's rules, each page asked once for what can be new on it: they take most of the time of the walk.
const report = ({ violations }) =>
  violations.flatMap(({ id, help, nodes }) => nodes.map((it) => `${id}: ${help}: ${it.html} ${it.failureSummary}`));

// All but contrast depends on the elements and not on their words.
const skeleton = () =>
  document.documentElement.outerHTML
    .replace(/>[^<]*[^<\s][^<]*</g, ">x<")
    .replace(/ (value|href|action|formaction|datetime|content|title|aria-label)="[^"]+"/g, ' $1="x"');
const sound = new Set();

walk.checks.structure = async () => {
  const found = skeleton();
  if (sound.has(found)) return [];
  const results = await axe.run({ resultTypes: ["violations"], rules: { "color-contrast": { enabled: false } } });
  if (!results.violations.length) sound.add(found);
  return report(results);
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
