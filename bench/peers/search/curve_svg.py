"""Recall/time curves as SVG: recall by nines from left to right, microseconds upwards on a logarithmic axis."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 1120, 640
LEFT, RIGHT, TOP, BOTTOM = 80, 380, 50, 60
# Recall is drawn by -log10(1 - recall): .9, .99 and .999 lie equally far apart. What is above the last counts as the last.
LOWEST, HIGHEST = 0.8, 0.9995
RECALLS = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")
DASHES = ("", "6 3", "2 3", "8 3 2 3")


def nines(recall):
    return -math.log10(1 - min(max(recall, LOWEST), HIGHEST))


def x_of(recall):
    return LEFT + (nines(recall) - nines(LOWEST)) / (nines(HIGHEST) - nines(LOWEST)) * (WIDTH - LEFT - RIGHT)


def y_of(time, limits):
    low, high = (math.log10(limit) for limit in limits)
    return HEIGHT - BOTTOM - (math.log10(time) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def time_limits(curves):
    """Decades' halves about all times of points within the recalls drawn."""
    times = [time for points in curves.values() for recall, time in points if recall >= LOWEST] or [1, 10]
    steps = [factor * 10 ** power for power in range(-1, 8) for factor in (1, 2, 5)]
    low = max(step for step in steps if step <= max(min(times), 0.1))
    return low, min(step for step in steps if step > max(max(times), low))


def grid(limits):
    parts = []
    for recall in RECALLS:
        x = x_of(recall)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                     f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{recall:g}</text>')
    for power in range(-1, 8):
        for factor in (1, 2, 5):
            time = factor * 10 ** power
            if limits[0] <= time <= limits[1]:
                y = y_of(time, limits)
                parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
                             f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{time:g}</text>')
    return parts


def curve(number, name, points, limits):
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
    places = [(x_of(recall), y_of(time, limits)) for recall, time in points if recall >= LOWEST]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    width = 3 if name.startswith("Orthant") else 1.5
    y = TOP + 10 + 18 * number
    stroke = f'stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}" fill="none"'
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 0.7}" fill="{colour}"/>' for x, y in places)
    return [f'<polyline points="{line}" {stroke}/>', dots,
            f'<line x1="{WIDTH - RIGHT + 15}" y1="{y}" x2="{WIDTH - RIGHT + 45}" y2="{y}" {stroke}/>',
            f'<text x="{WIDTH - RIGHT + 52}" y="{y + 4}">{escape(name)}</text>']


def draw(curves, title):
    """`curves`: name -> points (recall, microseconds) by rising recall. The picture as text."""
    limits = time_limits(curves)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', f'<text x="{LEFT}" y="28" font-size="16">{escape(title)}</text>',
             *grid(limits),
             f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 15}" text-anchor="middle">recall@10</text>',
             f'<text transform="translate(22 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">CPU microseconds a query, p50</text>']
    for number, (name, points) in enumerate(curves.items()):
        parts += curve(number, name, points, limits)
    return "\n".join([*parts, "</svg>", ""])
