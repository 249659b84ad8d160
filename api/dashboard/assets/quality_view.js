// What searches find and cost: figures, the recall/time curve, and what the representations take and keep.

import { client } from "./client.js";
import { count, element, failure, note, short, table, tile, time } from "./elements.js";
import { barPlot, colours, recallPlot } from "./plots.js";
import { vectorsOf } from "./collections_view.js";

export async function qualityView(place, name) {
  const vectors = vectorsOf(await client.collection(name));
  const choice = element("select", {}, vectors.map(([vector]) => element("option", { value: vector }, vector || "default")));
  const again = element("button", { type: "button" }, "Measure again");
  const shown = element("div");
  place.append(element("div", { class: "row middle" }, element("h1", { class: "grow" }, `${name}: quality`),
    vectors.length > 1 && element("label", {}, "Vector", choice), again), shown);
  const measure = async (refresh) => {
    again.disabled = true;
    shown.replaceChildren(note("Measuring on the collection's own rows: up to half a minute for large ones..."));
    try {
      shown.replaceChildren(...report(await client.quality(name, choice.value, refresh)));
    } catch (error) {
      shown.replaceChildren(failure(error));
    }
    again.disabled = false;
  };
  again.addEventListener("click", () => measure(true));
  choice.addEventListener("change", () => measure(false));
  await measure(false);
}

function report(quality) {
  const served = quality.served;
  return [
    element("div", { class: "tiles" },
      tile(`${short(served["recall@10"])} ±${short(served.recall_error)}`, `recall@10 as served (target ${served.target_recall})`),
      tile(time(served.us_per_query.cpu), "CPU a query, one thread"),
      tile(String(Math.round(quality.bytes_per_vector.memory)), "bytes a vector in memory"),
      tile(count(quality.live_rows), "vectors"),
      tile(`${quality.structure.name}, ${quality.quantizer.name || "user's codes"}`, "structure, codes")),
    element("p", { class: "dim small" }, `Measured ${quality.measured_at}, ${quality.samples} rows drawn at random. `,
      quality.outdated ? "The collection has changed much since: measure again." : ""),
    element("div", { class: "columns" }, curveCard(quality), formsCard(quality), memoryCard(quality)),
    curveTable(quality),
  ];
}

const pointOf = (point) => ({ recall: point["recall@10"], error: point.recall_error, microseconds: point.us_per_query.cpu,
  label: `${point.structure}, target ${point.target_recall}` });

function curveCard(quality) {
  const names = [...new Set(quality.curve.map((point) => point.structure))];
  const series = names.map((name) => ({ name, points: quality.curve.filter((point) => point.structure === name).map(pointOf) }));
  return element("section", { class: "card" }, element("h2", {}, "Recall and time"),
    element("p", { class: "dim small" }, "Best is at the lower right. Bars are 95 % intervals."), recallPlot(series));
}

function memoryCard(quality) {
  const parts = quality.bytes_per_vector.memory_parts;
  const bars = [["1-bit codes", parts.codes], ["int8 codes", parts.int8], ["floats in memory", parts.floats],
    ["structure", parts.structure], ["other", parts.other], ["vectors on disk", quality.bytes_per_vector.disk_parts.vectors]]
    .map(([name, value], i) => ({ name, value, text: `${short(value, 1)} B`, colour: colours[i % colours.length] }));
  return element("section", { class: "card" }, element("h2", {}, "Bytes a vector"), barPlot(bars, "Bytes a vector by part"));
}

const formNames = { asymmetric: "1 bit, float query", binary: "1 bit, Hamming", "binary+int8": "Hamming, int8",
  "asymmetric+int8+float": "1 bit, int8, float" };

// Float, int8 and binary beside each other: what each finds when it ranks alone, and with the rescoring that follows it.
function formsCard(quality) {
  if (!quality.forms?.length) {
    return element("section", { class: "card" }, element("h2", {}, "Float, int8, binary"),
      note("All floats of so few vectors are compared: there is no other form to measure yet."));
  }
  const exact = { stages: "float32", "recall@10": 1, us_per_query: quality.curve.find((point) => point.structure === "exact")?.us_per_query };
  const bars = [exact, ...quality.forms].filter((form) => form.us_per_query).map((form, i) => ({ name: formNames[form.stages] ?? form.stages, value: form["recall@10"],
    text: `${short(form["recall@10"])} · ${time(form.us_per_query.cpu)}`, colour: colours[i % colours.length] }));
  return element("section", { class: "card" }, element("h2", {}, "Float, int8, binary"),
    element("p", { class: "dim small" }, "recall@10 against exact floats, and CPU a query, when rows are ranked by this form alone or rescored by the next."),
    barPlot(bars, "Recall at 10 of each representation"));
}

function curveTable(quality) {
  const number = (name) => ({ name, number: true });
  return element("section", { class: "card", style: { marginTop: "1rem" } }, element("h2", {}, "Figures"),
    table([{ name: "structure" }, { name: "first stage" }, number("target"), number("recall@10"), number("±"), number("us CPU"),
      number("us wall"), number("effort"), number("compared"), number("int8"), number("floats")],
    quality.curve.map((point) => [point.structure, point.first_stage, String(point.target_recall), point["recall@10"].toFixed(4),
      point.recall_error.toFixed(4), point.us_per_query.cpu.toFixed(1), point.us_per_query.wall.toFixed(1), String(point.effort),
      count(Math.round(point.compared)), count(Math.round(point.rescored)), count(Math.round(point.with_floats))])));
}
