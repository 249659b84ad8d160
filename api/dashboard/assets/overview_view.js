// One collection: what it holds, how its vectors are indexed, what its points look like.

import { client } from "./client.js";
import { bytes, clip, count, element, facts, failure, headline, table, tile } from "./elements.js";
import { memoryOf, orthantPart, vectorsOf } from "./collections_view.js";
import { reembedCard } from "./reembed_card.js";

export async function overviewView(place, name) {
  const info = await client.collection(name);
  const memory = memoryOf(info);
  place.append(element("h1", {}, name),
    element("div", { class: "tiles" },
      tile(count(info.points_count), "points"), tile(bytes(memory), "memory of indexes"),
      tile(info.points_count ? String(Math.round(memory / info.points_count)) : "-", "bytes a point"),
      tile(info.status, "status"), tile(count(info.update_queue?.length ?? 0), "writes waiting")));
  const vectors = element("div", { class: "columns" }, vectorsOf(info).map(([vector, one]) => vectorCard(info, vector, one)));
  place.append(vectors);
  const indexes = Object.entries(info.payload_schema ?? {});
  if (indexes.length) {
    place.append(element("section", { class: "card" }, element("h2", {}, "Payload indexes"),
      table([{ name: "field" }, { name: "type" }, { name: "points", number: true }],
        indexes.map(([field, schema]) => [field, schema.data_type, count(schema.points)]))));
  }
  await samplePoints(place, name);
  const model = reembedCard(name, info, () => {
    place.replaceChildren();
    return overviewView(place, name);
  });
  if (model) place.append(model);
  place.append(dangerCard(name));
}

function vectorCard(info, vector, config) {
  const own = orthantPart(info, vector);
  const memory = own.memory ?? {};
  const rows = [
    ["Size", `${config.size}, ${config.distance}`],
    ["Target recall", String(own.target_recall ?? "-")],
    ["Serves", `${own.index?.structure ?? "-"} over ${count(own.index?.structure_rows ?? 0)} rows`],
    ["Codes", `${own.index?.quantizer || "-"}, ${own.code_bits ?? 1} bit, in ${own.index?.codes ?? "memory"}`],
    ["Memory", `${bytes(memory.binary_bytes ?? 0)} codes, ${bytes(memory.int8_bytes ?? 0)} int8, ` +
      `${bytes(memory.float_bytes ?? 0)} floats, ${bytes(memory.structure_bytes ?? 0)} structure`],
  ];
  if (memory.disk_bytes) rows.push(["On disk", bytes(memory.disk_bytes)]);
  if (own.encoder) rows.push(["Encoder", `${own.encoder.model}, ${own.encoder.weight_precision}`]);
  return element("section", { class: "card" }, element("h2", {}, vector ? `Vector ${vector}` : "Vector"), facts(rows));
}

async function samplePoints(place, name) {
  const page = await client.scroll(name, { limit: 10, with_payload: true });
  if (!page.points.length) return;
  place.append(element("section", { class: "card", style: { marginTop: "1rem" } }, element("h2", {}, "First points"),
    table([{ name: "id" }, { name: "what it holds" }],
      page.points.map((point) => [element("span", { class: "mono" }, String(point.id)),
        clip(headline(point) || JSON.stringify(point.payload ?? {}), 110)]))));
}

function dangerCard(name) {
  const typed = element("input", { "aria-label": "Name of the collection, to confirm", placeholder: name });
  const problem = element("div");
  const button = element("button", { disabled: true }, "Delete collection");
  typed.addEventListener("input", () => (button.disabled = typed.value !== name));
  const form = element("form", { class: "row" }, element("label", { class: "grow" }, "To delete the collection, type its name", typed), button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await client.remove(name);
      location.hash = "#/";
    } catch (error) {
      problem.replaceChildren(failure(error));
    }
  });
  return element("details", { class: "card", style: { marginTop: "1rem" } }, element("summary", {}, "Delete"), form, problem);
}
