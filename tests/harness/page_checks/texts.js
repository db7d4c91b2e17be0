// No text is cut off or leaves the box that it stands in.
const TOLERANCE = 2;
const isBox = ({ overflowX, borderTopWidth, borderTopStyle, borderLeftWidth, borderLeftStyle }) =>
  overflowX === "hidden" || overflowX === "clip" ||
  (borderTopStyle !== "none" && parseFloat(borderTopWidth) > 0 && borderLeftStyle !== "none" && parseFloat(borderLeftWidth) > 0);

const boxes = (element) => {
  const found = [];
  for (let it = element; it && it !== document.body; it = it.parentElement) {
    const style = getComputedStyle(it);
    // What scrolls shows the rest when somebody scrolls.
    if (style.overflowX === "auto" || style.overflowX === "scroll") return found;
    // What ends in an ellipsis says the whole in a title.
    if (style.textOverflow === "ellipsis" && it.closest("[title]")) return found;
    if (isBox(style)) found.push(it);
  }
  return found;
};

walk.texts = () => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode())
    if (walker.currentNode.data.trim() && walk.isSeen(walker.currentNode.parentElement)) found.push(walker.currentNode);
  return found;
};

walk.checks.clipping = () =>
  walk.texts().flatMap((text) => {
    if (walk.isHiddenFromEyes(text.parentElement)) return [];
    const range = document.createRange();
    range.selectNodeContents(text);
    const inner = range.getBoundingClientRect();
    return boxes(text.parentElement)
      .map((it) => [it, it.getBoundingClientRect()])
      .filter(([, outer]) =>
        inner.left < outer.left - TOLERANCE || inner.right > outer.right + TOLERANCE ||
        inner.top < outer.top - TOLERANCE || inner.bottom > outer.bottom + TOLERANCE)
      .map(([it]) => `"${text.data.trim()}" does not fit at ${innerWidth} px into ${walk.start(it)}`);
  });
