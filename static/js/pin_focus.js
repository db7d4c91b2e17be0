// Typing can begin at once where no keyboard on the screen would cover the page, and nothing else is to be read first.
const field = document.querySelector("#pin, [data-autofocus]");
const isElsewhere = document.querySelector(".error-summary, .notice") || document.activeElement !== document.body;

if (field && !isElsewhere && !location.hash && matchMedia("(pointer: fine)").matches) field.focus({ preventScroll: true });
