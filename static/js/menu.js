// Menus of the header, which open and close without this too: Escape and a press elsewhere close them.
const opened = (use) => document.querySelectorAll(".site-header > .menu[open]").forEach(use);
const close = (menu) => menu.removeAttribute("open");

addEventListener("click", ({ target }) => opened((menu) => menu.contains(target) || close(menu)));
addEventListener("keydown", ({ key }) => key === "Escape" && opened((menu) => {
  // The focus would be lost with what is hidden.
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  close(menu);
}));
