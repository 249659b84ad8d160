// All collections at a glance, and making a new one.

import { client } from "./client.js";
import { bytes, count, element, facts, failure, note, short } from "./elements.js";

export async function collectionsView(place) {
  const names = await client.collections();
  const list = element("ul", { class: "collections" });
  place.append(element("div", { class: "row middle" }, element("h1", { class: "grow" }, "Collections"), newCollectionButton(place)), list);
  if (!names.length) {
    place.append(note("There is no collection yet. Make one here, or send documents with: orthant ingest FILE.jsonl --collection NAME"));
  }
  const recalls = await client.measuredRecalls().catch(() => []);
  for (const name of names.sort()) {
    const item = element("li", {}, element("div", { class: "card" }, element("h2", {}, link(name))));
    list.append(item);
    const recall = recalls.filter((one) => one.collection === name);
    client.collection(name).then((info) => item.firstChild.append(...summary(name, info, recall)), (error) => item.firstChild.append(failure(error)));
  }
}

const link = (name) => element("a", { href: `#/${encodeURIComponent(name)}/search` }, name);

// Named vectors as [name, {size, distance}]; the unnamed one is "".
export function vectorsOf(info) {
  const vectors = info.config.params.vectors ?? {};
  return typeof vectors.size === "number" ? [["", vectors]] : Object.entries(vectors);
}

export const orthantPart = (info, vector) => info.config.orthant?.vectors?.[vector] ?? {};

export function memoryOf(info) {
  let memory = 0;
  for (const part of Object.values(info.config.orthant?.vectors ?? {})) {
    for (const [name, value] of Object.entries(part.memory ?? {})) if (name !== "disk_bytes") memory += value;
  }
  return memory;
}

function summary(name, info, recalls) {
  const rows = [
    ["Points", count(info.points_count)],
    ["Vectors", vectorsOf(info).map(([name, one]) => `${name ? `${name}: ` : ""}${one.size} ${one.distance}`).join(", ") || "none"],
    ["Index", vectorsOf(info).map(([name]) => orthantPart(info, name).index?.structure ?? "-").join(", ")],
    ["Memory", memoryText(info)],
    ["Recall@10", recalls.length ? recalls.map((one) => short(one.recall)).join(", ") :
      element("a", { href: `#/${encodeURIComponent(name)}/quality` }, "measure")],
  ];
  const model = vectorsOf(info).map(([name]) => orthantPart(info, name).encoder?.model).filter(Boolean);
  if (model.length) rows.push(["Model", [...new Set(model)].join(", ")]);
  return [element("p", { class: `status ${info.status}` }, info.status), facts(rows)];
}

function memoryText(info) {
  const memory = memoryOf(info);
  return info.points_count ? `${bytes(memory)} (${Math.round(memory / info.points_count)} bytes a point)` : bytes(memory);
}

function newCollectionButton(place) {
  return element("button", { type: "button", class: "main", onclick: (event) => {
    event.target.disabled = true;
    openForm(place, () => (event.target.disabled = false));
  } }, "New collection");
}

async function openForm(place, closed) {
  const name = element("input", { required: true, maxLength: 255 });
  const size = element("input", { type: "number", min: 1, max: 65536, required: true, value: 384 });
  const distance = element("select", {}, ["Cosine", "Dot", "Euclid", "Manhattan"].map((one) => element("option", {}, one)));
  const model = element("select", {}, element("option", { value: "" }, "none: I bring vectors"));
  const problem = element("div");
  const form = element("form", { class: "card" }, element("h2", {}, "New collection"),
    element("div", { class: "row" },
      element("label", { class: "grow" }, "Name", name), element("label", {}, "Model", model),
      element("label", {}, "Dimensions", size), element("label", {}, "Distance", distance),
      element("button", { class: "main" }, "Create"),
      element("button", { type: "button", class: "quiet", onclick: () => { form.remove(); closed(); } }, "Cancel")), problem);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await client.create(name.value, { vectors: { size: Number(size.value), distance: distance.value } });
      location.hash = `#/${encodeURIComponent(name.value)}/upload`;
    } catch (error) {
      problem.replaceChildren(failure(error));
    }
  });
  model.addEventListener("change", () => {
    size.value = model.selectedOptions[0].dataset.dim ?? size.value;
    size.readOnly = Boolean(model.value);
  });
  place.children[0].after(form);
  name.focus();
  const encoders = (await client.models().catch(() => [])).filter((one) => one.kind === "encoder");
  model.append(...encoders.map((one) => element("option", { value: one.name, "data-dim": one.dim }, `${one.name} (${one.dim})`)));
}
