// Shows /openapi.json: operations by tag, each with its parameters, body and answer. Text goes in as text only.

const make = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children.filter((child) => child !== null));
  return made;
};

// A schema as people read it: names and types, references by name.
function shape(schema, depth = 0) {
  if (!schema || !Object.keys(schema).length) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.allOf) return schema.allOf.map((one) => shape(one, depth)).join(" and ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map((one) => shape(one, depth)))].join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return `[${shape(schema.items, depth)}, ...]`;
  if (schema.type !== "object" || !schema.properties) return schema.type ?? "any";
  const pad = "  ".repeat(depth + 1);
  const required = new Set(schema.required);
  const lines = Object.entries(schema.properties).map(([name, one]) =>
    `${pad}${name}${required.has(name) ? "" : "?"}: ${shape(one, depth + 1)}${one.description ? `   // ${one.description}` : ""}`);
  return `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
}

function contents(content) {
  return Object.entries(content ?? {}).map(([type, one]) =>
    make("div", {}, make("span", { className: "dim" }, type), make("pre", {}, shape(one.schema))));
}

function card(path, method, operation) {
  const parameters = operation.parameters.map((one) =>
    make("li", {}, make("code", {}, `${one.name}: ${shape(one.schema)}`), ` in ${one.in}`, one.description ? `. ${one.description}` : ""));
  const made = make("details", {},
    make("summary", {}, make("code", { className: "method" }, method.toUpperCase()), make("code", {}, path), " ",
      make("span", { className: "dim" }, operation.summary ?? "")),
    parameters.length ? make("ul", {}, ...parameters) : null,
    operation.requestBody ? make("h3", {}, "Body") : null, ...contents(operation.requestBody?.content),
    make("h3", {}, "Answer"), ...contents(operation.responses["200"].content));
  made.dataset.words = `${method} ${path} ${operation.summary ?? ""}`.toLowerCase();
  return made;
}

const place = document.getElementById("operations");
const find = document.getElementById("find");
const answer = await fetch("/openapi.json");
const api = await answer.json();
const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const tag = operation.tags?.[0] ?? "Other";
    if (!groups.has(tag)) groups.set(tag, make("section", {}, make("h2", {}, tag)));
    groups.get(tag).append(card(path, method, operation));
  }
}
const schemas = make("section", {}, make("h2", {}, "Schemas"));
for (const [name, schema] of Object.entries(api.components.schemas)) {
  const made = make("details", { id: name }, make("summary", {}, make("code", {}, name)), make("pre", {}, shape(schema)));
  made.dataset.words = name.toLowerCase();
  schemas.append(made);
}
place.replaceChildren(...groups.values(), schemas);
find.addEventListener("input", () => {
  const words = find.value.trim().toLowerCase();
  for (const one of place.querySelectorAll("details")) one.hidden = Boolean(words) && !one.dataset.words.includes(words);
  for (const group of place.querySelectorAll("section")) group.hidden = !group.querySelector("details:not([hidden])");
});
