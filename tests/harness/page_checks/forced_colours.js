// In forced colours, as Windows has them, the one button to press still differs from the others.
const look = (element) => {
  const { color, backgroundColor, borderTopColor, borderTopWidth, borderTopStyle } = getComputedStyle(element);
  return [color, backgroundColor, borderTopColor, borderTopWidth, borderTopStyle].join();
};
const looks = (kind) => [...document.querySelectorAll(`.button--${kind}`)].filter(walk.isSeen);
const secondary = new Set();

walk.checks.buttons = () => {
  document.activeElement?.blur();
  looks("secondary").forEach((it) => secondary.add(look(it)));
  return looks("primary").filter((it) => secondary.has(look(it)))
    .map((it) => `looks like a secondary button in forced colours: ${walk.start(it)}`);
};
