// Sends a file of JSON lines to the collection, with progress and the lines that were refused.

import { client, upload } from "./client.js";
import { bytes, count, element, facts, failure, note, table } from "./elements.js";

export async function uploadView(place, name) {
  const input = element("input", { type: "file", accept: ".jsonl,.ndjson,.json,.gz,.zst,.txt" });
  const label = element("label", { class: "drop" }, element("span", {}, "Choose a file of JSON lines, or drop it here"), input);
  const shown = element("div", { "aria-live": "polite" });
  place.append(element("h1", {}, `${name}: upload`),
    element("p", { class: "dim" }, "One document a line; gzip and zstd are understood."),
    element("pre", { class: "card mono" }, '{"id": 1, "text": "Orthant keeps vectors in RocksDB.", "payload": {"lang": "en"}}'), label, shown);
  const send = async (file) => {
    if (!file) return;
    label.hidden = true;
    await run(shown, name, file);
    label.hidden = false;
    input.value = "";
  };
  input.addEventListener("change", () => send(input.files[0]));
  label.addEventListener("dragover", (event) => {
    event.preventDefault();
    label.classList.add("over");
  });
  label.addEventListener("dragleave", () => label.classList.remove("over"));
  label.addEventListener("drop", (event) => {
    event.preventDefault();
    label.classList.remove("over");
    send(event.dataTransfer.files[0]);
  });
}

// Nothing where the daemon does not answer. A collection that the upload is to make has no points yet.
async function pointsIn(name) {
  try {
    return (await client.collections()).includes(name) ? (await client.collection(name)).points_count : 0;
  } catch {
    return null;
  }
}

async function run(shown, name, file) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
  const said = element("p", { class: "dim small" });
  const stop = element("button", { type: "button", onclick: () => upload.stop() }, "Stop");
  shown.replaceChildren(element("section", { class: "card" }, element("h2", {}, file.name), bar, said, stop));
  const before = (await pointsIn(name)) ?? 0;
  const begin = performance.now();
  let sent = 0;
  const watch = setInterval(async () => {
    const points = await pointsIn(name);
    if (points === null) return;
    const seconds = (performance.now() - begin) / 1000;
    said.textContent = `${Math.round(sent * 100)} % of ${bytes(file.size)} sent, ${count(points)} points in the collection, ` +
      `${count(Math.round((points - before) / seconds))} new ones a second`;
  }, 1000);
  try {
    const summary = await upload(name, file, { create: "true" }, (share) => {
      sent = share;
      bar.value = share;
    });
    shown.replaceChildren(...report(summary, file, (performance.now() - begin) / 1000));
  } catch (error) {
    shown.replaceChildren(failure(error));
  }
  clearInterval(watch);
}

function report(summary, file, seconds) {
  const card = element("section", { class: "card" }, element("h2", {}, file.name),
    facts([["Accepted", count(summary.accepted)], ["Refused", count(summary.rejected)], ["Replaced", count(summary.replaced ?? 0)],
      ["Cut at the model's length", count(typeof summary.truncated === "number" ? summary.truncated : 0)],
      ["Time", `${seconds.toFixed(1)} s`]]));
  const parts = [card];
  if (summary.failure) parts.unshift(failure(new Error(summary.failure)));
  if (summary.errors?.length) {
    card.append(element("h3", {}, "Refused lines"),
      table([{ name: "line", number: true }, { name: "reason" }],
        summary.errors.slice(0, 200).map((error) => [count(error.line), error.error ?? error.reason ?? error.message])));
  } else if (!summary.failure) {
    parts.push(note("All lines are stored and searchable."));
  }
  return parts;
}
