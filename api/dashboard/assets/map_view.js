// Points of a collection in the plane: principal components, or a layout that keeps neighbours together.

import { client } from "./client.js";
import { clip, count, element, failure, fields, headline, note } from "./elements.js";
import { vectorsOf } from "./collections_view.js";

const groupColours = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];

export async function mapView(place, name) {
  const vectors = vectorsOf(await client.collection(name));
  const option = (value, text) => element("option", { value }, text);
  const controls = {
    vector: element("select", {}, vectors.map(([vector]) => option(vector, vector || "default"))),
    sample: element("select", {}, [500, 1000, 2000, 4000].map((one) => option(one, count(one)))),
    kind: element("select", {}, option("pca", "principal components"), option("neighbours", "neighbours (UMAP-like)")),
    colour: element("select", {}, option("", "nothing")),
    find: element("input", { type: "search", placeholder: "mark by words" }),
  };
  controls.sample.value = "1000";
  const box = element("div", { class: "map-box" });
  place.append(element("h1", {}, `${name}: map`),
    element("form", { class: "card row", onsubmit: (event) => event.preventDefault() },
      vectors.length > 1 && element("label", {}, "Vector", controls.vector), element("label", {}, "Points", controls.sample),
      element("label", {}, "Layout", controls.kind), element("label", {}, "Colour by", controls.colour),
      element("label", { class: "grow" }, "Find", controls.find)), box);
  const map = new PointMap(box, controls);
  const reload = () => map.load(name).catch((error) => box.replaceChildren(failure(error)));
  for (const one of [controls.vector, controls.sample]) one.addEventListener("change", reload);
  controls.kind.addEventListener("change", () => map.project().catch((error) => box.replaceChildren(failure(error))));
  controls.colour.addEventListener("change", () => map.draw());
  controls.find.addEventListener("input", () => map.draw());
  await reload();
}

// A random sample where the daemon gives one.
async function samplePoints(name, vector, size) {
  const body = { limit: size, with_payload: true, with_vector: vector ? [vector] : true };
  const reply = await client.query(name, { ...body, query: { sample: "random" } });
  return reply.result.points;
}

function vectorOf(point, name) {
  const held = point.vector;
  const found = Array.isArray(held) ? held : held?.[name];
  return Array.isArray(found) && typeof found[0] === "number" ? found : null;
}

class PointMap {
  constructor(box, controls) {
    this.box = box;
    this.controls = controls;
    this.canvas = element("canvas", { tabIndex: 0, role: "application",
      "aria-label": "Map of points. Arrow keys go to the next point in that direction, plus and minus zoom." });
    this.told = element("div", { class: "point", "aria-live": "polite" });
    this.legend = element("ul", { class: "legend" });
    this.view = { zoom: 1, x: 0, y: 0 };
    this.at = -1;
    this.listen();
  }

  async load(name) {
    this.box.replaceChildren(note("Reading points..."));
    const vector = this.controls.vector.value;
    const points = await samplePoints(name, vector, Number(this.controls.sample.value));
    this.points = points.filter((point) => vectorOf(point, vector));
    if (this.points.length < 3) {
      this.box.replaceChildren(note("A map needs at least three points with this vector."));
      return;
    }
    this.vectors = this.points.map((point) => vectorOf(point, vector));
    this.offerColours();
    await this.project();
  }

  async project() {
    if (!this.vectors) return;
    const dim = this.vectors[0].length;
    const flat = new Float32Array(this.vectors.length * dim);
    this.vectors.forEach((vector, i) => flat.set(vector, i * dim));
    const progress = element("progress", { max: 1, value: 0, "aria-label": "Computing the map" });
    this.box.replaceChildren(progress);
    this.worker?.terminate();
    this.worker = new Worker(new URL("projection_worker.js", import.meta.url), { type: "module" });
    this.plane = await new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => (data.plane ? resolve(data.plane) : (progress.value = data.progress));
      this.worker.onerror = () => reject(new Error("The map could not be computed."));
      this.worker.postMessage({ vectors: flat, rows: this.vectors.length, dim, kind: this.controls.kind.value }, [flat.buffer]);
    });
    this.worker.terminate();
    this.view = { zoom: 1, x: 0, y: 0 };
    this.at = -1;
    this.box.replaceChildren(this.canvas, this.legend, this.told);
    this.told.replaceChildren(note("Point at the map, or go through it with the arrow keys."));
    this.fit();
    this.draw();
  }

  // Payload members that have a few different values.
  offerColours() {
    const values = new Map();
    for (const point of this.points) {
      for (const [key, value] of Object.entries(point.payload ?? {})) {
        if (typeof value === "object") continue;
        if (!values.has(key)) values.set(key, new Map());
        const seen = values.get(key);
        seen.set(String(value), (seen.get(String(value)) ?? 0) + 1);
      }
    }
    const good = [...values].filter(([, seen]) => seen.size > 1 && seen.size < this.points.length * 0.8).map(([key]) => key);
    const kept = good.includes(this.controls.colour.value) ? this.controls.colour.value : "";
    this.controls.colour.replaceChildren(element("option", { value: "" }, "nothing"), ...good.map((key) => element("option", { value: key }, key)));
    this.controls.colour.value = kept;
    this.values = values;
  }

  // The middle 98 % of each axis fills the canvas.
  fit() {
    const along = (axis) => Float32Array.from({ length: this.points.length }, (_, i) => this.plane[2 * i + axis]).sort();
    const range = (sorted) => [sorted[Math.floor(sorted.length * 0.01)], sorted[Math.ceil(sorted.length * 0.99) - 1]];
    this.ranges = [range(along(0)), range(along(1))];
  }

  place(i) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const on = (axis, size) => {
      const [low, high] = this.ranges[axis];
      const share = (this.plane[2 * i + axis] - low) / (high - low || 1) - 0.5;
      return share * (size - 40);
    };
    return [width / 2 + (on(0, width) + this.view.x) * this.view.zoom, height / 2 + (on(1, height) + this.view.y) * this.view.zoom];
  }

  groups() {
    const key = this.controls.colour.value;
    if (!key) return { names: [], of: () => 0 };
    const names = [...this.values.get(key)].sort((a, b) => b[1] - a[1]).slice(0, groupColours.length).map(([value]) => value);
    return { names, of: (point) => names.indexOf(String(point.payload?.[key])) };
  }

  draw() {
    if (!this.plane || !this.canvas.isConnected) return;
    const scale = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const context = this.canvas.getContext("2d");
    context.scale(scale, scale);
    const colour = (name) => resolve(this.canvas, `var(${name})`);
    const palette = groupColours.map(colour);
    const rest = colour("--dim");
    const groups = this.groups();
    const words = this.controls.find.value.trim().toLowerCase();
    const radius = Math.min(2.6 + this.view.zoom * 0.5, 6);
    this.points.forEach((point, i) => {
      const [x, y] = this.place(i);
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) return;
      const group = groups.of(point);
      const hit = !words || searchText(point).includes(words);
      context.globalAlpha = hit ? 0.8 : 0.12;
      context.fillStyle = group < 0 ? rest : palette[group];
      context.beginPath();
      context.arc(x, y, words && hit ? radius + 1.5 : radius, 0, 7);
      context.fill();
    });
    context.globalAlpha = 1;
    if (this.at >= 0) {
      const [x, y] = this.place(this.at);
      context.strokeStyle = colour("--text");
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, radius + 4, 0, 7);
      context.stroke();
    }
    this.legend.replaceChildren(...groups.names.map((value, i) =>
      element("li", {}, element("i", { style: { background: palette[i] } }), element("span", {}, clip(value, 40)))));
    if (groups.names.length) this.legend.append(element("li", {}, element("i", { style: { background: rest } }), element("span", {}, "others")));
  }

  show(i) {
    if (i === this.at || i < 0) return;
    this.at = i;
    const point = this.points[i];
    this.told.replaceChildren(element("div", { class: "result" }, element("div", { class: "mono dim" }, String(point.id)),
      element("p", { class: "text" }, clip(headline(point), 500)), fields(point)));
    this.draw();
  }

  nearest(x, y, accept = () => true) {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.points.length; ++i) {
      const [px, py] = this.place(i);
      if (!accept(px - x, py - y, i)) continue;
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  zoom(factor) {
    this.view.zoom = Math.max(0.5, Math.min(40, this.view.zoom * factor));
    this.draw();
  }

  listen() {
    const canvas = this.canvas;
    let dragged = null;
    canvas.addEventListener("pointerdown", (event) => {
      dragged = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", () => (dragged = null));
    canvas.addEventListener("pointermove", (event) => {
      if (dragged) {
        this.view.x += (event.clientX - dragged[0]) / this.view.zoom;
        this.view.y += (event.clientY - dragged[1]) / this.view.zoom;
        dragged = [event.clientX, event.clientY];
        this.draw();
        return;
      }
      const frame = canvas.getBoundingClientRect();
      this.show(this.nearest(event.clientX - frame.left, event.clientY - frame.top));
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    addEventListener("resize", () => this.draw());
    addEventListener("themechange", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "+" || event.key === "=") this.zoom(1.3);
    else if (event.key === "-") this.zoom(1 / 1.3);
    else if (step) {
      const from = this.at < 0 ? [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2] : this.place(this.at);
      const ahead = (dx, dy, i) => {
        const along = dx * step[0] + dy * step[1];
        return i !== this.at && along > 0 && along >= Math.abs(dx * step[1]) + Math.abs(dy * step[0]);
      };
      this.show(this.nearest(from[0], from[1], this.at < 0 ? undefined : ahead));
    } else return;
    event.preventDefault();
  }
}

const searchText = (point) => (point.lowered ??= `${headline(point)} ${JSON.stringify(point.payload ?? {})}`.toLowerCase());

// A canvas knows no var(): the colour that the browser makes of it.
function resolve(canvas, colour) {
  const probe = element("i", { style: { color: colour, display: "none" } });
  canvas.parentElement.append(probe);
  const made = getComputedStyle(probe).color;
  probe.remove();
  return made;
}
