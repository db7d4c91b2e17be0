// Typing can begin at once where no keyboard on the screen would cover the page, and nothing else is to be read first.
const pin = document.getElementById("pin");
const isElsewhere = document.querySelector(".error-summary, .notice") || document.activeElement !== document.body;

if (pin && !isElsewhere && !location.hash && matchMedia("(pointer: fine)").matches) pin.focus({ preventScroll: true });
