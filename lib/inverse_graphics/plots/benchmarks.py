"""How cost grows: what `inverse_graphics.cli bench` measured along its sweeps."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from inverse_graphics.plots.styles import COLOURS, WIDTH, styled

ACROSS = 3  # panels in a row
CLOSEST = 0.15  # of a panel's width, that its labels may be


@styled
def sweeps(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel for each curve: milliseconds, or how many a second, over the count; ours and, dashed, the peer.

    Args:
        rows: of a benchmark, each with `curve`, `axis`, `count`, and either `ours, ms` and `peer, ms` or `value` and
            `unit`.

    Raises:
        ValueError: no row.
    """
    if not rows:
        raise ValueError("rows: expected at least one, got none")
    curves: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        curves.setdefault(row["curve"], []).append(row)
    down = -(-len(curves) // ACROSS)
    figure = Figure(figsize=(WIDTH, 2.4 * down), layout="constrained")
    panels = figure.subplots(down, ACROSS, squeeze=False).flat
    for (name, points), panel in zip(curves.items(), panels, strict=False):
        points = sorted(points, key=lambda row: row["count"])
        counts = [row["count"] for row in points]
        timed = "ours, ms" in points[0]
        panel.plot(counts, [row["ours, ms" if timed else "value"] for row in points], "o-", color=COLOURS[0])
        if timed:
            panel.plot(counts, [row["peer, ms"] for row in points], "s--", color=COLOURS[1])
        panel.set_title(name, fontsize=9)
        panel.set(xlabel=points[0]["axis"], ylabel="ms" if timed else points[0]["unit"], xscale="log", ylim=(0, None))
        panel.set_xticks(counts, _labels(counts))
        panel.set_xticks([], minor=True)
        panel.tick_params(labelsize=8)
        panel.tick_params(axis="x", labelrotation=25)
        panel.yaxis.label.set_size(8)
    for panel in panels:  # those left over
        panel.set_axis_off()
    ours, peer = (figure.axes[0].plot([], [], style, color=COLOURS[at])[0] for at, style in enumerate(("o-", "s--")))
    figure.legend([ours, peer], ["ours", "its peer"], loc="outside lower center", ncols=2)
    return figure


def _labels(counts: Sequence[float]) -> list[str]:
    """22,000, 350 k, 1.4 M; none where it would run into the one before."""
    thousands, span = EngFormatter(places=1), math.log(counts[-1] / counts[0]) or 1.0
    labels, last = [], -math.inf
    for count in counts:
        at = math.log(count / counts[0]) / span
        labels.append((f"{count:,.0f}" if count < 1e5 else thousands(count)) if at - last >= CLOSEST else "")
        last = at if labels[-1] else last
    return labels
