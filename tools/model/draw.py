# SPDX-License-Identifier: MIT
"""State diagrams as SVG: the states of a table on a circle, an arrow for each
pair of states with the events that lead from one to the other.
"""
import html
import math

SIZE, RADIUS, NODE = 500, 190, 38
# Not every reader of SVG knows paint-order: what text covers is a text itself.
STYLE = ("text{font:13px sans-serif;fill:#1a2233}"
         ".event{font-size:11px;fill:#44506a}"
         ".halo{stroke:#fff;stroke-width:3}"
         "circle{fill:#eef2f8;stroke:#44506a;stroke-width:1.5}"
         "path{fill:none;stroke:#44506a;stroke-width:1.3;"
         "marker-end:url(#head)}")
HEAD = ('<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" '
        'markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:#44506a;stroke:none;'
        'marker-end:none"/></marker>')


def places(states):
    """A point for each state, clockwise from the left."""
    points = {}
    for i, state in enumerate(states):
        angle = math.pi + 2 * math.pi * i / len(states)
        points[state] = (SIZE / 2 + RADIUS * math.cos(angle),
                         SIZE / 2 + RADIUS * math.sin(angle))
    return points


def transitions(table):
    """{(from, to): [event, ...]} without those that change nothing."""
    spec = table.raw["diagram"]
    inputs, outputs = list(table.inputs), list(table.outputs)
    found = {}
    for given, result, _ in table.cases:
        named = {**dict(zip(outputs, result)), **dict(zip(inputs, given))}
        to = result[outputs.index(spec["to"])]
        if to != named[spec["state"]]:
            found.setdefault((named[spec["state"]], to), []).append(
                named[spec["event"]])
    return found


def label(x, y, text, names):
    """A text on a white rim, which keeps lines away from it."""
    text = html.escape(text)
    return [f'<text class="{names}{rim}" x="{x:.0f}" y="{y:.0f}" '
            f'text-anchor="middle">{text}</text>' for rim in (" halo", "")]


def arrow(start, end, events):
    """A curved arrow, its events in words beside the middle."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    bend = 34
    mx, my = (x1 + x2) / 2 - uy * bend, (y1 + y2) / 2 + ux * bend
    ax, ay = x1 + ux * NODE, y1 + uy * NODE
    bx, by = x2 - ux * NODE, y2 - uy * NODE
    out = [f'<path d="M{ax:.0f} {ay:.0f}Q{mx:.0f} {my:.0f} '
           f'{bx:.0f} {by:.0f}"/>']
    x = (ax + bx) / 4 + mx / 2
    y = (ay + by) / 4 + my / 2
    for i, event in enumerate(events):
        out += label(x, y + 12 * i, event.replace("_", " ").lower(), "event")
    return out


def diagram(table):
    spec = table.raw["diagram"]
    points = places(table.values(table.inputs[spec["state"]]))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" '
           f'viewBox="0 0 {SIZE} {SIZE}" role="img" '
           f'aria-label="{html.escape(table.title)}">',
           f"<style>{STYLE}</style><defs>{HEAD}</defs>"]
    for (start, end), events in transitions(table).items():
        out += arrow(points[start], points[end], events)
    for state, (x, y) in points.items():
        out.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{NODE}"/>')
        out.append(f'<text x="{x:.0f}" y="{y + 4:.0f}" '
                   f'text-anchor="middle">{html.escape(state)}</text>')
    return "\n".join(out) + "\n</svg>\n"
