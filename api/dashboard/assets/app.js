// The dashboard's frame: which view is shown (from the address after #), theme, API key.

import { apiKey, client } from "./client.js";
import { element, failure } from "./elements.js";
import { collectionsView } from "./collections_view.js";
import { mapView } from "./map_view.js";
import { overviewView } from "./overview_view.js";
import { qualityView } from "./quality_view.js";
import { searchView } from "./search_view.js";
import { uploadView } from "./upload_view.js";

const main = document.getElementById("main");
const tabs = document.getElementById("tabs");

const views = {
  search: ["Search", searchView],
  overview: ["Overview", overviewView],
  quality: ["Quality", qualityView],
  map: ["Map", mapView],
  upload: ["Upload", uploadView],
};

// #/ is the list of collections, #/NAME/VIEW a view of one, #/upload the upload into any.
function route() {
  const [name = "", view = "search"] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return { name, view: views[view] ? view : "search" };
}

let shown = 0;
async function show() {
  const { name, view } = route();
  const turn = ++shown;
  showTabs(name, view);
  document.title = name ? `${name}: ${views[view][0]} - Orthant` : "Orthant";
  // A view is drawn into a place of its own: one that comes late does not touch what is shown by then.
  const place = element("div");
  main.replaceChildren(place);
  try {
    if (name) await views[view][1](place, name);
    else await collectionsView(place);
  } catch (error) {
    if (turn === shown) place.replaceChildren(failure(error));
  }
}

function showTabs(name, current) {
  tabs.hidden = !name;
  tabs.replaceChildren(...(name ? Object.entries(views) : []).map(([view, [title]]) =>
    element("a", { href: `#/${encodeURIComponent(name)}/${view}`, "aria-current": view === current ? "page" : null }, title)));
  if (name) tabs.append(element("span", { class: "spring" }), element("a", { href: "#/" }, "All collections"));
  tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const themes = { auto: "system", light: "light", dark: "dark" };
const themeButton = document.getElementById("theme-button");
function setTheme(theme) {
  localStorage.setItem("orthant-theme", theme);
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = theme;
  themeButton.textContent = `Theme: ${themes[theme]}`;
  dispatchEvent(new Event("themechange"));
}
themeButton.addEventListener("click", () => {
  const names = Object.keys(themes);
  setTheme(names[(names.indexOf(localStorage.getItem("orthant-theme") ?? "auto") + 1) % names.length]);
});
setTheme(themes[localStorage.getItem("orthant-theme")] ? localStorage.getItem("orthant-theme") : "auto");

const keyDialog = document.getElementById("key-dialog");
const keyInput = document.getElementById("key-input");
document.getElementById("key-button").addEventListener("click", () => {
  keyInput.value = apiKey.get();
  keyDialog.returnValue = "cancel";
  keyDialog.showModal();
});
keyDialog.addEventListener("close", () => {
  if (keyDialog.returnValue !== "save") return;
  apiKey.set(keyInput.value.trim());
  show();
});

addEventListener("hashchange", () => {
  show();
  main.focus({ preventScroll: true });
});
// "/" goes to the search box, as everywhere.
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
  const box = document.querySelector(".search-box");
  if (!box) return;
  event.preventDefault();
  box.focus();
});

client.about().then((about) => {
  document.getElementById("version").textContent = about.orthant_version ?? "";
}).catch(() => {});
show();
