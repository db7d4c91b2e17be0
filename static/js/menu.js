// Menus of the header, which open and close without this too: Escape closes them, and a press or the focus elsewhere.
const opened = (use) => document.querySelectorAll(".site-header > .menu[open]").forEach(use);
const close = (menu) => menu.removeAttribute("open");

const leave = ({ target }) => opened((menu) => menu.contains(target) || close(menu));

addEventListener("click", leave);
addEventListener("focusin", leave);
addEventListener("keydown", ({ key }) => key === "Escape" && opened((menu) => {
  // The focus would be lost with what is hidden.
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  close(menu);
}));
