// Plots as SVG, drawn with the page's own colours so that they follow the theme.

import { element, svg } from "./elements.js";

export const colours = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"].map((name) => `var(${name})`);

const width = 560;
const height = 300;
const frame = { left: 56, right: 16, top: 14, bottom: 40 };

export function legend(entries) {
  return element("ul", { class: "legend" },
    entries.map(([name, colour]) => element("li", {}, element("i", { style: { background: colour } }), element("span", {}, name))));
}

const niceSteps = [1, 2, 2.5, 5, 10];
function ticksBetween(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = niceSteps.find((nice) => nice * power >= rough) * power;
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) ticks.push(Number(value.toPrecision(6)));
  return ticks;
}

// Where times differ by little their ratio to zero shows, where they differ much their magnitudes.
function timeScale(least, most) {
  if (most < least * 20) return { share: (value) => value / (most * 1.1), ticks: ticksBetween(0, most * 1.1, 5) };
  const low = Math.floor(Math.log10(least));
  const high = Math.ceil(Math.log10(most));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => Number((10 ** (low + i)).toPrecision(3)));
  return { share: (value) => (Math.log10(value) - low) / (high - low), ticks };
}

// Recall is drawn by its misses: from .9 to .99 is as far as from .99 to .999.
const misses = (recall) => -Math.log10(Math.max(1 - recall, 1e-4));

// series: [{name, points: [{recall, error, microseconds, label}]}]. Lower right is best.
export function recallPlot(series) {
  const points = series.flatMap((one) => one.points);
  const times = points.map((point) => point.microseconds);
  const scale = timeScale(Math.min(...times), Math.max(...times));
  const lowestRecall = Math.min(0.9, ...points.map((point) => point.recall));
  const left = misses(lowestRecall);
  const right = 4;
  const x = (recall) => frame.left + ((misses(recall) - left) / (right - left)) * (width - frame.left - frame.right);
  const y = (value) => height - frame.bottom - scale.share(value) * (height - frame.top - frame.bottom);
  const plot = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "Recall at 10 against microseconds a query; the table below has the figures" });
  for (const tick of scale.ticks) {
    plot.append(svg("line", { class: "axis", x1: frame.left, x2: width - frame.right, y1: y(tick), y2: y(tick) }),
      text(frame.left - 6, y(tick) + 4, String(tick), "end"));
  }
  for (const recall of [0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1]) {
    if (recall < lowestRecall) continue;
    plot.append(svg("line", { class: "axis", x1: x(recall), x2: x(recall), y1: frame.top, y2: height - frame.bottom }),
      text(x(recall), height - frame.bottom + 16, String(recall), "middle"));
  }
  plot.append(text((frame.left + width) / 2, height - 6, "recall@10", "middle", "label"),
    text(frame.left, frame.top - 2, "us a query (CPU)", "start", "label"));
  series.forEach((one, i) => drawSeries(plot, one, colours[i % colours.length], x, y));
  return element("div", {}, plot, legend(series.map((one, i) => [one.name, colours[i % colours.length]])));
}

function drawSeries(plot, series, colour, x, y) {
  const sorted = [...series.points].sort((a, b) => a.recall - b.recall || a.microseconds - b.microseconds);
  const path = sorted.map((point) => `${x(point.recall).toFixed(1)},${y(point.microseconds).toFixed(1)}`);
  plot.append(svg("polyline", { points: path.join(" "), fill: "none", style: `stroke: ${colour}`, "stroke-width": 2 }));
  for (const point of sorted) {
    const low = x(Math.max(point.recall - point.error, 0));
    const high = x(Math.min(point.recall + point.error, 1));
    plot.append(svg("line", { x1: low, x2: high, y1: y(point.microseconds), y2: y(point.microseconds), style: `stroke: ${colour}`,
      "stroke-opacity": 0.45, "stroke-width": 2 }));
    const dot = svg("circle", { cx: x(point.recall), cy: y(point.microseconds), r: 4, style: `fill: ${colour}` });
    const title = svg("title");
    title.textContent = `${point.label}: recall ${point.recall.toFixed(4)}, ${point.microseconds.toFixed(1)} us`;
    dot.append(title);
    plot.append(dot);
  }
}

function text(x, y, content, anchor, kind = "") {
  const made = svg("text", { x, y, "text-anchor": anchor, class: kind });
  made.textContent = content;
  return made;
}

// bars: [{name, value, text, colour}], drawn one below the other with their names and figures beside them.
export function barPlot(bars, label) {
  const line = 30;
  const nameWidth = 150;
  const plotHeight = bars.length * line + 8;
  const highest = Math.max(...bars.map((bar) => bar.value), 1e-12);
  const room = width - nameWidth - 90;
  const plot = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${plotHeight}`, role: "img", "aria-label": label });
  bars.forEach((bar, i) => {
    const top = i * line + 6;
    const long = Math.max((bar.value / highest) * room, 1.5);
    plot.append(text(nameWidth - 8, top + 15, bar.name, "end", "label"),
      svg("rect", { x: nameWidth, y: top, width: long.toFixed(1), height: 20, rx: 3, style: `fill: ${bar.colour ?? colours[0]}` }),
      text(nameWidth + long + 6, top + 15, bar.text, "start"));
  });
  return plot;
}
