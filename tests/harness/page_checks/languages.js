// On a page in the pseudo-locale, our own words have accents. What is no copy is marked; so are times, but for dates.
const NO_COPY = "[translate=no], time, textarea, [lang]:not(html)";
const PLAIN_WORD = /(?<![\p{L}\p{M}])[A-Za-z]*[aeiouAEIOU][A-Za-z]*(?![\p{L}\p{M}])/u;
const DATE = /\d{1,2}\. \p{L}+ \d{4}/gu;
const ATTRIBUTES = ["aria-label", "title", "alt", "placeholder"];
const isCopy = (element) => !element.closest(NO_COPY);
// What stands in an element may be repeated as its title, where there is no room for all of it.
const isRepeated = (element, name) => name === "title" && element.querySelector(NO_COPY);

walk.checks.language = () => {
  if (!document.body.textContent.includes("⟦")) return [];
  const words = walk.texts().filter((it) => isCopy(it.parentElement)).map((it) => it.data.trim());
  const attributes = ATTRIBUTES.flatMap((name) =>
    [...document.querySelectorAll(`body [${name}]`)]
      .filter((it) => isCopy(it) && !isRepeated(it, name)).map((it) => it.getAttribute(name)));
  // It ends with the name of the brand, and on a page about somebody it is their name.
  const title = document.querySelector("h1 [translate=no]") ? "" : document.title.split(" – ")[0];
  return [title, ...words, ...attributes]
    .filter((it) => PLAIN_WORD.test(it.replace(DATE, ""))).map((it) => `is not translated: ${it}`);
};
