// Spells a PIN while it is typed, with the words that the server sent.
const PAUSE_MS = 400;

const out = document.getElementById("pin-spelling");
const field = document.getElementById("pin");
const words = JSON.parse(out.dataset.words);
let pause;

// What the server ignores in a PIN: white space, what can't be seen, and dashes and dots unless PINs have them, which
// then have words. Full-width forms are ASCII.
const DASHES = /[\p{Pd}\u2212\u30fc\u2500\u2501\u2043]/gu;
const plain = (typed) =>
  typed
    .normalize("NFKC")
    .replace(/[\s\p{Cf}\p{DI}\u00b7\u2022\u2027\u2219\u22c5\u30fb]/gu, "")
    .replace(DASHES, "-")
    .replace(/\p{Pc}/gu, "_")
    .replace(/[-_]/g, (sign) => (words[sign] ? sign : ""));

function spell() {
  out.textContent = [...plain(field.value)].map((sign) => words[sign] ?? sign).join("-");
}

// Only when the typing pauses, because a screen reader reads every change aloud.
field.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(spell, PAUSE_MS);
});
spell();
