// Small helpers to make page elements. Text always goes in as text, never as HTML.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(made.style, value);
    else if (name in made && name !== "list" && name !== "form") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const svgSpace = "http://www.w3.org/2000/svg";
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(svgSpace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    // A style attribute is what the content security policy forbids.
    if (name === "style") made.style.cssText = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const tile = (value, name) => element("div", { class: "tile" }, element("b", {}, value), element("span", {}, name));
export const failure = (error) => element("p", { class: "error", role: "alert" }, error.message);
export const note = (text) => element("p", { class: "note", role: "status" }, text);

export function facts(pairs) {
  return element("dl", { class: "facts" }, pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

export function table(columns, rows) {
  const cell = (tag, column, content) => element(tag, { class: column.number ? "num" : "" }, content);
  return element("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": "Table" },
    element("table", {},
      element("thead", {}, element("tr", {}, columns.map((column) => cell("th", column, column.name)))),
      element("tbody", {}, rows.map((row) => element("tr", {}, columns.map((column, i) => cell("td", column, row[i])))))));
}

// ---- numbers as people read them ----

export const count = (value) => Number(value).toLocaleString("en-US");
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    ++unit;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
export function time(microseconds) {
  if (microseconds < 1000) return `${microseconds.toFixed(microseconds < 10 ? 1 : 0)} us`;
  if (microseconds < 1e6) return `${(microseconds / 1000).toFixed(microseconds < 1e4 ? 2 : 1)} ms`;
  return `${(microseconds / 1e6).toFixed(2)} s`;
}
export const short = (value, digits = 4) => (Number.isFinite(value) ? String(Number(value.toFixed(digits))) : "-");

// What a payload says first: the source text, or a text-like member, or its longest string.
export function headline(point) {
  const payload = point.payload ?? {};
  if (typeof point.text === "string") return point.text;
  for (const name of ["text", "title", "content", "document", "page_content", "name", "body"]) {
    if (typeof payload[name] === "string" && payload[name]) return payload[name];
  }
  const strings = Object.values(payload).filter((value) => typeof value === "string");
  return strings.sort((a, b) => b.length - a.length)[0] ?? "";
}
export const clip = (text, length) => (text.length > length ? `${text.slice(0, length).trimEnd()}...` : text);

export function fields(point) {
  const shown = headline(point);
  const entries = Object.entries(point.payload ?? {}).filter(([, value]) => value !== shown);
  if (!entries.length) return null;
  const text = (value) => clip(typeof value === "string" ? value : JSON.stringify(value), 160);
  return element("ul", { class: "fields" },
    entries.map(([name, value]) => element("li", {}, element("b", {}, `${name} `), text(value))));
}
