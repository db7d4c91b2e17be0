// Spells a PIN as it is typed, in the words that the server gives: what is said aloud is what was typed.
const PAUSE_MS = 400;

const out = document.getElementById("pin-spelling");
const field = document.getElementById("pin");
const words = JSON.parse(out.dataset.words);
let pause;

// Spaces, dashes and invisible marks mean nothing in a PIN; full-width forms mean the ordinary ones.
const plain = (typed) => typed.normalize("NFKC").replace(/[\s\p{Pd}\p{Cf}\u2212]/gu, "");

function spell() {
  out.textContent = [...plain(field.value)].map((sign) => words[sign] ?? sign).join("-");
}

// A screen reader would read every change aloud: it is told when the typing pauses.
field.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(spell, PAUSE_MS);
});
spell();
