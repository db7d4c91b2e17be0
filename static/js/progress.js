// While a form is under way, its primary button says so, and keeps its size. It stays a button: the server knows a
// second click, and a viewer whose connection is gone can try again.
const LATER_MS = 4000;
let pressed;
let restore = () => {};

addEventListener("click", ({ target }) => (pressed = target));
addEventListener("submit", ({ target: form }) => {
  const note = form.querySelector(".under-way");
  const button = form.querySelector(".button--primary");
  // Another button, such as a language or another answer, does something else. Enter presses one without a class.
  if (!note || (pressed && pressed.closest("[formaction], .button:not(.button--primary)"))) return;
  restore();
  // What is in the button stays its own element, to which its looks belong.
  const words = button.firstElementChild || button;
  const label = words.textContent;
  const say = (text) => (words.textContent = note.textContent = text);
  const later = setTimeout(() => say(note.dataset.later), LATER_MS);
  button.style.minHeight = `${button.getBoundingClientRect().height}px`;
  document.body.classList.add("is-waiting");
  say(note.dataset.first);
  restore = () => {
    clearTimeout(later);
    document.body.classList.remove("is-waiting");
    words.textContent = label;
    note.textContent = "";
  };
});
// Back shows the page as it was left, unless it is loaded again.
addEventListener("pageshow", () => restore());
