// Everything fits the window's width, from left to right and from right to left, and can be hit with a finger.
const SMALLEST_TARGET = 44;
// A checkbox is pressed by its label.
const PRESSED = `
  main :is(button, select, textarea, a.button, summary, label:has([type=checkbox]), input:not([type=hidden], [type=checkbox]))
`;
walk.checks.width = () => {
  const beyond = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return beyond > 0 ? [`${beyond} px too wide at ${innerWidth} px, ${document.documentElement.dir || "ltr"}`] : [];
};

walk.checks.mirrored = () => {
  const root = document.documentElement;
  const written = root.dir;
  root.dir = written === "rtl" ? "ltr" : "rtl";
  const faults = walk.checks.width();
  root.dir = written;
  return faults;
};

walk.checks.targets = () =>
  [...document.querySelectorAll(PRESSED)]
    .map((it) => [it, it.getBoundingClientRect().height])
    .filter(([, height]) => height > 0 && height < SMALLEST_TARGET)
    .map(([it, height]) => `${height} px high: ${walk.start(it)}`);

walk.checks.band = () =>
  [...document.querySelectorAll(".sandbox-band p")]
    .filter((it) => it.offsetHeight > 2.25 * parseFloat(getComputedStyle(it).fontSize))
    .map(() => `the band at the top has several lines at ${innerWidth} px`);

// What to do next is there without scrolling.
walk.checks.fold = () =>
  [...document.querySelectorAll("main .button--primary")]
    .map((it) => it.getBoundingClientRect().bottom - innerHeight)
    .filter((below) => below > 0).map((below) => `its button is ${Math.round(below)} px below the window`);

// Unless there is an error to read, nobody scrolls.
walk.checks.screen = () => {
  const height = document.documentElement.scrollHeight;
  return height > innerHeight && !document.querySelector(".error-summary") ? [`${height} px high in a window of ${innerHeight}`] : [];
};
