// Spells a PIN while it is typed, with the words that the server sent.
const PAUSE_MS = 400;

const out = document.getElementById("pin-spelling");
const field = document.getElementById("pin");
const words = JSON.parse(out.dataset.words);
let pause;

// What the server ignores in a PIN: white space, what can't be seen, and dashes and dots unless PINs have them, which
// then have words. Full-width forms are ASCII. The classes are written out: older browsers have no names for them.
const DASHES = /[\u058a\u05be\u1806\u2010-\u2015\u2043\u2212\u2500\u2501\u2e3a\u2e3b\u301c\u3030\u30a0\u30fc]/g;
const DOTS = /[\u00b7\u2022\u2027\u2219\u22c5\u30fb]/g;
const UNSEEN = /[\s\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]/g;
const plain = (typed) =>
  typed
    .normalize("NFKC")
    .replace(UNSEEN, "")
    .replace(DOTS, "")
    .replace(DASHES, "-")
    .replace(/[\u203f\u2040\u2054]/g, "_")
    .replace(/[-_]/g, (sign) => (words[sign] ? sign : ""));

function spell() {
  out.textContent = [...plain(field.value)].map((sign) => words[sign] || sign).join("-");
}

// Only when the typing pauses, because a screen reader reads every change aloud.
field.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(spell, PAUSE_MS);
});
spell();
