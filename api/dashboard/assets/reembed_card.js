// Another model for the kept texts of a collection: choose, begin, watch, give up.

import { client } from "./client.js";
import { count, element, failure } from "./elements.js";

const running = new Set(["counting", "encoding", "switching", "waiting"]);
const words = { counting: "Counting texts", encoding: "Encoding", switching: "Switching to the new vectors", waiting: "Waiting",
  finished: "Finished", failed: "Failed", cancelled: "Given up" };

// [name, is sparse] of all vectors; the unnamed one is "".
function vectorsWithTexts(info) {
  const dense = info.config.params.vectors ?? {};
  const names = typeof dense.size === "number" ? [""] : Object.keys(dense);
  return [...names.map((name) => [name, false]), ...Object.keys(info.config.params.sparse_vectors ?? {}).map((name) => [name, true])];
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

// `switched` is called when the other model serves.
export function reembedCard(name, info, switched) {
  const vectors = vectorsWithTexts(info);
  if (!vectors.length) return null;
  const vector = element("select", {}, vectors.map(([one]) => element("option", { value: one }, one || "default")));
  const model = element("select", { required: true });
  const begin = element("button", { class: "main" }, "Re-embed");
  const shown = element("div", { "aria-live": "polite" });
  const form = element("form", { class: "row" }, vectors.length > 1 && element("label", {}, "Vector", vector),
    element("label", { class: "grow" }, "New model", model), begin);
  const card = element("section", { class: "card reembed", style: { marginTop: "1rem" } }, element("h2", {}, "Model"),
    element("p", { class: "dim small" }, "Another loaded model encodes the kept texts in the background. Searches answer from the old vectors until it takes over at once."),
    form, shown);
  let models = [];
  let seen = "";
  const fill = async (served) => {
    const sparse = new Map(vectors).get(vector.value);
    const fitting = models.filter((one) => one.kind === (sparse ? "sparse_encoder" : "encoder")).map((one) => one.name);
    if (sparse) fitting.push("qdrant/bm25");
    const others = fitting.filter((one) => one !== served);
    model.replaceChildren(...others.map((one) => element("option", { value: one }, one)));
    begin.disabled = !others.length;
    if (!others.length) model.append(element("option", { value: "" }, served ? `only ${served} is loaded` : "no model is loaded"));
  };
  const watch = async () => {
    const asked = vector.value;
    const now = await client.reembedding(name, asked);
    if (asked !== vector.value) return;
    form.hidden = running.has(now.status);
    const ends = ["finished", "failed", "cancelled"].includes(now.status);
    if (now.status === "finished" && running.has(seen)) return switched();
    seen = now.status;
    shown.replaceChildren(...(now.status === "none" ? [] : progress(now)));
    if (!running.has(now.status)) await fill(ends && now.status !== "finished" ? now.model_before : now.model);
    else setTimeout(() => card.isConnected && watch().catch(tell), 700);
  };
  const tell = (error) => shown.replaceChildren(failure(error));
  const progress = (now) => {
    const share = now.texts ? now.encoded / now.texts : 0;
    const left = now.status === "encoding" && now.seconds_left ? `, ${duration(now.seconds_left)} left` : "";
    const said = `${words[now.status]}: ${count(now.encoded)} of ${count(now.texts)} texts by ${now.model}${left}`;
    return [element("progress", { max: 1, value: share, "aria-label": "Texts that are encoded" }),
      element("p", { class: "small", role: "status" }, said), now.error && failure(new Error(now.error)),
      running.has(now.status) ? element("button", { type: "button", onclick: stop }, "Give up") : null].filter(Boolean);
  };
  const stop = () => client.giveUpReembedding(name, vector.value).then(watch).catch(tell);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    begin.disabled = true;
    try {
      seen = (await client.reembed(name, { vector: vector.value, model: model.value })).result.status;
      await watch();
    } catch (error) {
      tell(error);
      begin.disabled = false;
    }
  });
  vector.addEventListener("change", () => watch().catch(tell));
  client.models().then((loaded) => {
    models = loaded;
    return watch();
  }).catch(tell);
  return card;
}
