"""How cost grows: what `inverse_graphics.cli bench` measured along its sweeps."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from inverse_graphics.plots.styles import COLOURS, WIDTH, styled

ACROSS = 3  # panels in a row


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
        panel.set_xticks(counts, [f"{count:.2g}" if count > 1e5 else f"{count:,.0f}" for count in counts])
        panel.set_xticks([], minor=True)
        panel.tick_params(labelsize=8)
        panel.tick_params(axis="x", labelrotation=25)
        panel.yaxis.label.set_size(8)
    for panel in panels:  # those left over
        panel.set_axis_off()
    ours, peer = (figure.axes[0].plot([], [], style, color=COLOURS[at])[0] for at, style in enumerate(("o-", "s--")))
    figure.legend([ours, peer], ["ours", "its peer"], loc="outside lower center", ncols=2)
    return figure
