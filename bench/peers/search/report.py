"""What the measured lines say: tables in Markdown, all points in JSON, curves in SVG."""

import json

import curve_svg

TARGETS = (0.95, 0.98, 0.99)


def digest(lines):
    """One form's lines as one record."""
    record = {"form": "", "built": None, "points": [], "updated_points": [], "updated": None, "opened": None, "refused": [], "yardstick_us": [], "ended": "cut off"}
    for line in lines:
        event = line.pop("event")
        if event == "form":
            record["form"] = line["form"]
        elif event in ("built", "updated", "opened"):
            record[event] = line
        elif event == "point":
            record["updated_points" if line.pop("updated") else "points"].append(line)
        elif event == "refused":
            record["refused"].append(line)
        elif event == "yardstick":
            record["yardstick_us"].append(line["us"])
        elif event == "end":
            record["ended"] = line["how"]
    return record


def best(points, target):
    """The fastest point that reaches the target."""
    reached = [point for point in points if point["recall"] >= target]
    return min(reached, key=lambda point: point["us_p50"], default=None)


def frontier(points):
    """Points that no other beats in both, by rising recall."""
    kept = []
    for point in sorted(points, key=lambda point: (-point["recall"], point["us_p50"])):
        if not kept or point["us_p50"] < kept[-1]["us_p50"]:
            kept.append(point)
    return kept[::-1]


def time_cell(points, target):
    point = best(points, target)
    if point:
        return f"{point['us_p50']:,.0f} ({point['recall']:.4f})"
    if not points:
        return "-"
    most = max(points, key=lambda point: point["recall"])
    return f"- ({most['recall']:.4f}: {most['us_p50']:,.0f})"


def number(value, unit=",.0f"):
    return "-" if value is None else format(value, unit)


def order(record):
    times = [point["us_p50"] if (point := best(record["points"], target)) else float("inf") for target in TARGETS[::-1]]
    return (times, record["form"])


def search_table(records):
    lines = ["| search | recall >= .95: p50 us | >= .98 | >= .99 | p99 us at .99 | bytes a vector | measured | build CPU s |",
             "|---|---|---|---|---|---|---|---|"]
    for record in records:
        point, built = best(record["points"], 0.99), record["built"] or {}
        cells = [record["form"], *(time_cell(record["points"], target) for target in TARGETS), number(point and point["us_p99"]),
                 number(built.get("bytes_computed")), number(built.get("bytes_measured")), number(built.get("cpu_seconds"), ",.1f")]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def update_table(records):
    lines = ["| search | CPU s for the updates | rows a second | at .95: before -> after, p50 us | at .99: before -> after, p50 us |",
             "|---|---|---|---|---|"]
    for record in records:
        if not record["updated"]:
            continue
        updated = record["updated"]
        changes = [f"{time_cell(record['points'], target)} -> {time_cell(record['updated_points'], target)}" for target in (0.95, 0.99)]
        rate = updated["rows"] / max(updated["cpu_seconds"], 1e-9)
        lines.append("| " + " | ".join([record["form"], f"{updated['cpu_seconds']:,.1f}", f"{rate:,.0f}", *changes]) + " |")
    return lines


def remarks(records):
    return [f"- {record['form']}: {record['ended'].rstrip('.')}." for record in records if record["ended"] != "whole"]


def notes(records):
    """What only our own rows tell."""
    lines = []
    for record in records:
        if built := record["built"]:
            if "append_seconds" in built:
                lines.append(f"- {record['form']} ({built.get('structure', 'flat')}): vectors encoded and appended in"
                             f" {built['append_seconds']:.2f} CPU s.")
        if opened := record["opened"]:
            lines[-1] += f" Snapshot opened in {opened['cpu_seconds']:.2f} CPU s ({opened['wall_seconds']:.2f} s wall)."
    return lines


def markdown(found, name):
    records = sorted((record for record in found["forms"] if record["points"]), key=order)
    yardsticks = [value for record in records for value in record["yardstick_us"]]
    queries = [point["queries"] for record in records for point in record["points"]]
    lines = [f"# Vector search beside its peers: {int(found['rows']):,} vectors", "",
             f"{found['date']}, {found['cpu']}, one core, one thread, single queries, k = 10. CPU time, recall@10 in brackets. By `bench/peers/search`;"
             f" how it is measured stands in `bench/peers/README.md`. Queries a setting: {min(queries, default=0):,} to {max(queries, default=0):,}.",
             f"Yardstick (a plain float dot product over 31 MB): {min(yardsticks, default=0):,.0f} to {max(yardsticks, default=0):,.0f} us: how unlike"
             " the moments were in which the rows were measured.", "", f"![recall and time]({name}.svg)", "", *search_table(records), "",
             "\"Bytes a vector\" is what the layout reads in memory; \"measured\" the growth of the process without mapped files.", "", *notes(records), ""]
    if any(record["updated"] for record in records):
        lines += ["## After deleting and inserting 20 % of the rows", "", *update_table(records), "",
                  "Peers that are not in this table cannot delete and insert without a build.", ""]
    left_out = remarks(found["forms"])
    if left_out:
        lines += ["## Not measured, or not to the end", "", *left_out, ""]
    lines += ["## Versions", "", ", ".join(f"{peer} {version}" for peer, version in found["versions"].items()), ""]
    return "\n".join(lines)


def write(found, stem):
    """stem.md, stem.json, stem.svg."""
    stem.with_name(stem.name + ".json").write_text(json.dumps(found, indent=1) + "\n")
    stem.with_name(stem.name + ".md").write_text(markdown(found, stem.name))
    curves = {record["form"]: [(point["recall"], point["us_p50"]) for point in frontier(record["points"])]
              for record in sorted(found["forms"], key=order) if record["points"]}
    title = f"{int(found['rows']):,} vectors, k = 10, one core"
    stem.with_name(stem.name + ".svg").write_text(curve_svg.draw(curves, title))
