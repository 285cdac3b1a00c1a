# SPDX-License-Identifier: BSD-3-Clause
"""Rate against quality, with intervals, as a picture."""
from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {"Opus": "#4878a8", "Lyra V2": "#6a9a58", "Codec2": "#8a8a8a"}
OURS = "#c0392b"
BESIDE, BELOW, ABOVE = (7, 0), (-4, -13), (-40, 16)  # of a name, points from the last point
INK = "#333333"
PANELS = (("pesq", "PESQ-WB"), ("estoi", "ESTOI"))


def draw(axes: plt.Axes, rows: list[dict], measure: str) -> None:
    """One line a codec, its name at its last point."""
    for name in dict.fromkeys(row["codec"] for row in rows):
        own = [row for row in rows if row["codec"] == name and row[measure]]
        x, y = [row["kbps"]["mean"] for row in own], [row[measure]["mean"] for row in own]
        spread = [[row[measure]["mean"] - row[measure]["low"] for row in own],
                  [row[measure]["high"] - row[measure]["mean"] for row in own]]
        colour = COLOURS.get(name, OURS)
        axes.errorbar(x, y, yerr=spread, color=colour, marker="o", markersize=4, linewidth=1.8,
                      elinewidth=1, capsize=2)
        crowded = {"Codec2": BELOW, "Ravel": ABOVE}  # others go on where these end
        place = crowded.get(name, BESIDE)
        axes.annotate(name, (x[-1], y[-1]), xytext=place, textcoords="offset points",
                      color=colour, va="center", fontweight="bold" if colour == OURS else "normal")


def plot(rows: list[dict], path: Path) -> None:
    plt.rcParams.update({"font.size": 10, "text.color": INK, "axes.labelcolor": INK,
                         "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": "#999999"})
    figure, panels = plt.subplots(1, 2, figsize=(10, 4))
    for axes, (measure, title) in zip(panels, PANELS):
        draw(axes, rows, measure)
        axes.set(title=title, xlabel="kb/s sent", xscale="log", xlim=(0.3, 48))
        axes.set_xticks(ticks := [0.5, 1, 2, 3, 6, 12, 24], labels=[f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.grid(color="#e4e4e4", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
