// Spells a PIN while it is typed, with the words that the server sent.
const PAUSE_MS = 400;

const out = document.getElementById("pin-spelling");
const field = document.getElementById("pin");
const words = JSON.parse(out.dataset.words);
let pause;

// The server ignores spaces, dashes and invisible characters in a PIN, and reads full-width forms as ordinary ones.
const plain = (typed) => typed.normalize("NFKC").replace(/[\s\p{Pd}\p{Cf}\u2212]/gu, "");

function spell() {
  out.textContent = [...plain(field.value)].map((sign) => words[sign] ?? sign).join("-");
}

// Only when the typing pauses, because a screen reader reads every change aloud.
field.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(spell, PAUSE_MS);
});
spell();
