// Shows the pages of a walk one after the other in one document, without their scripts, and asks the checks about each.
window.walk = { pages: [], checks: {} };

// Loads a stylesheet once, and switches off those that a page does not have.
const applyStylesheets = async (page) => {
  const addresses = (it) => [...it.querySelectorAll("link[rel=stylesheet]")];
  const wanted = addresses(page).map((it) => it.getAttribute("href"));
  const here = new Map(addresses(document).map((it) => [it.getAttribute("href"), it]));
  for (const address of wanted.filter((it) => !here.has(it))) {
    const link = document.createElement("link");
    const loaded = new Promise((resolve, reject) => Object.assign(link, { onload: resolve, onerror: reject }));
    document.head.append(Object.assign(link, { rel: "stylesheet", href: address }));
    await loaded;
  }
  here.forEach((it, address) => (it.sheet.disabled = !wanted.includes(address)));
};

walk.show = async (source) => {
  const page = new DOMParser().parseFromString(source, "text/html");
  await applyStylesheets(page);
  const root = document.documentElement;
  for (const { name } of [...root.attributes]) root.removeAttribute(name);
  for (const { name, value } of page.documentElement.attributes) root.setAttribute(name, value);
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  scrollTo(0, 0);
  // What the header unfolds lies over the page, so it is looked at when a page is given that has it open.
  document.querySelectorAll("main details").forEach((it) => (it.open = true));
};

// Returns "name: fault" for each fault that any of the named checks finds.
walk.look = async (names, theme) => {
  const faults = [];
  for (const [page, source] of walk.pages) {
    await walk.show(source);
    for (const name of names)
      for (const fault of await walk.checks[name](theme)) faults.push(`${page}: ${fault}`);
  }
  return faults;
};

// The parts that pages are made of: what stands directly in the main part, and what stands around it.
walk.parts = () => [...document.body.children].flatMap((it) => (it.matches("main") ? [...it.children] : [it]));
// Elements without their words, or with them: names, addresses and what forms hold differ and change no look.
const withoutValues = (html) => html.replace(/ (value|href|action|formaction|datetime|content|id|for|aria-\w+by)="[^"]+"/g, ' $1="x"');
walk.skeleton = (part) => withoutValues(part.outerHTML).replace(/ (title|aria-label)="[^"]+"/g, ' $1="x"').replace(/>[^<]*[^<\s][^<]*</g, ">x<");
walk.outline = (part) => withoutValues(part.outerHTML);

walk.isSeen = (element) => element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
walk.start = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 160);
// Parts for screen readers alone are cut to nothing.
walk.isHiddenFromEyes = (element) => {
  for (let it = element; it; it = it.parentElement) {
    if (getComputedStyle(it).clipPath === "inset(50%)") return true;
  }
  return false;
};
