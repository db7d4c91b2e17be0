// Each tab is another TV, so its id is not kept where activate-tv.js would keep it.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `tv-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// Returns the id of this tab's TV, which is kept under a name.
export function keptId(name) {
  const id = sessionStorage.getItem(name) || newId();
  sessionStorage.setItem(name, id);
  return id;
}
