// A search box: results with scores and payload, and where the time went.

import { client } from "./client.js";
import { clip, count, element, failure, fields, headline, note, short, time } from "./elements.js";
import { colours } from "./plots.js";
import { vectorsOf } from "./collections_view.js";

export async function searchView(place, name) {
  const info = await client.collection(name);
  const state = { name, vectors: vectorsOf(info), running: null };
  const form = searchForm(state);
  const answer = element("div", { "aria-live": "polite" });
  place.append(element("h1", {}, name), form.element, answer);
  form.element.addEventListener("submit", (event) => {
    event.preventDefault();
    run(state, form, answer);
  });
  answer.addEventListener("keydown", moveAmongResults);
  form.text.focus();
}

function searchForm(state) {
  const text = element("input", { class: "search-box", type: "search", placeholder: "What are you looking for?", "aria-label": "Query" });
  const kind = element("select", {}, element("option", { value: "text" }, "text"), element("option", { value: "id" }, "point id"),
    element("option", { value: "vector" }, "vector (JSON)"));
  const vector = element("select", {}, state.vectors.map(([name]) => element("option", { value: name }, name || "default")));
  const limit = element("input", { type: "number", min: 1, max: 1000, value: 10 });
  const target = element("input", { type: "number", min: 0.01, max: 1, step: "any", placeholder: "collection's" });
  const exact = element("input", { type: "checkbox" });
  const filter = element("textarea", { spellcheck: false, placeholder: '{"must": [{"key": "lang", "match": {"value": "en"}}]}' });
  const made = element("form", { class: "card", role: "search" },
    element("div", { class: "row" }, element("div", { class: "grow" }, text), element("button", { class: "main" }, "Search")),
    element("details", {}, element("summary", { class: "dim small" }, "Options"),
      element("div", { class: "row" },
        element("label", {}, "Query is", kind), state.vectors.length > 1 && element("label", {}, "Vector", vector),
        element("label", {}, "Results", limit), element("label", {}, "Target recall", target),
        element("label", { class: "inline" }, exact, "exact")),
      element("label", {}, "Filter", filter)));
  return { element: made, text, kind, vector, limit, target, exact, filter };
}

function request(form) {
  const body = { limit: Number(form.limit.value) || 10, with_payload: true, explain: true, params: {} };
  if (form.vector.value) body.using = form.vector.value;
  if (form.target.value) body.params.target_recall = Number(form.target.value);
  if (form.exact.checked) body.params.exact = true;
  if (form.filter.value.trim()) body.filter = parse(form.filter.value, "Filter");
  const typed = form.text.value.trim();
  if (form.kind.value === "vector") body.query = parse(typed, "Vector");
  else if (form.kind.value === "id") body.query = /^\d+$/.test(typed) ? Number(typed) : typed;
  else if (typed) body.query = { text: typed };
  return body;
}

function parse(text, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what}: not JSON (${error.message})`);
  }
}

async function run(state, form, answer) {
  state.running?.abort();
  const mine = new AbortController();
  state.running = mine;
  try {
    const begin = performance.now();
    const reply = await client.query(state.name, request(form), mine.signal);
    const seen = (performance.now() - begin) * 1000;
    const { points, explain } = reply.result;
    answer.replaceChildren(...(points.length ? [resultList(points)] : [note("Nothing found.")]));
    if (explain) answer.prepend(timing(explain, reply.time * 1e6, seen));
  } catch (error) {
    if (error.name !== "AbortError") answer.replaceChildren(failure(error));
  }
}

function resultList(points) {
  const scores = points.map((point) => point.score);
  const best = Math.max(...scores.map(Math.abs)) || 1;
  return element("ol", { class: "results" }, points.map((point, i) =>
    element("li", { class: "result", tabIndex: i === 0 ? 0 : -1 },
      element("div", { class: "head" }, element("span", { class: "rank" }, String(i + 1)),
        element("span", { class: "num" }, short(point.score)),
        element("span", { class: "meter", "aria-hidden": "true" }, element("i", { style: { width: `${(Math.abs(point.score) / best) * 100}%` } })),
        element("span", { class: "mono dim" }, String(point.id))),
      text(point), fields(point))));
}

function text(point) {
  const whole = headline(point);
  if (whole.length <= 420) return element("p", { class: "text" }, whole);
  return element("details", { class: "text" }, element("summary", {}, clip(whole, 400)), whole);
}

function moveAmongResults(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const items = [...event.currentTarget.querySelectorAll(".result")];
  const at = items.indexOf(document.activeElement);
  if (!step || at < 0) return;
  const next = items[at + step];
  if (!next) return;
  event.preventDefault();
  items[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

// The stages one after the other, each as long as its time.
function timing(explain, serverTime, seenTime) {
  const steps = [];
  if (explain.encoding) {
    steps.push([explain.encoding.cached ? "encoding (cached)" : "encoding", explain.encoding.time_us, explain.encoding.model]);
  }
  if (explain.filter) {
    steps.push(["filter", explain.filter.time_us,
      `${count(explain.filter.allowed_rows)} of ${count(explain.filter.live_rows)} rows, by ${explain.filter.answered_by}`]);
  }
  for (const stage of explain.stages ?? []) {
    steps.push([stage.name, stage.time_us, `${count(stage.candidates_in)} in, ${count(stage.candidates_out)} out`]);
  }
  if (explain.records_time_us) steps.push(["reading points", explain.records_time_us, ""]);
  if (explain.rerank_time_us) steps.push(["cross-encoder", explain.rerank_time_us, ""]);
  const total = steps.reduce((sum, step) => sum + step[1], 0) || 1;
  let before = 0;
  const bars = steps.map(([name, took, detail], i) => {
    const left = (before / total) * 100;
    before += took;
    return element("div", { class: "step", title: detail }, element("span", {}, name),
      element("span", { class: "track" }, element("span", { class: "bar",
        style: { left: `${left}%`, width: `${(took / total) * 100}%`, background: colours[i % colours.length] } })),
      element("span", { class: "num" }, time(took)));
  });
  return element("section", { class: "card" },
    element("p", { class: "dim small" }, `${time(serverTime)} in the daemon, ${time(seenTime)} as seen here. `,
      explain.plan ? `Plan: ${explain.plan.reason}.` : ""),
    element("div", { class: "stages" }, bars));
}
