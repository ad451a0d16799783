"""Plots a report: a heat map, accuracy by severity, and a bar chart.

Each function draws into axes or creates a figure; none displays it.
"""

import re
import textwrap

import numpy as np

from kconsist._requirements import check_installed
from kconsist.robustness.corruptions import EXTRA, GROUPS
from kconsist.robustness.corruptions.names import CLEAN
from kconsist.robustness.reporting._escaping import one_line
from kconsist.robustness.reporting._tables import (
    corruption_accuracy,
    describe_severities,
)

# Okabe and Ito's colorblind-safe palette.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
GRAY = "#555555"


def new_figure(width: float, height: float):
    """Returns an empty `matplotlib.figure.Figure` of a size in inches."""
    check_installed("matplotlib", "a plot of a report")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plot_overview(report, against=()):
    """Draws all plots into one figure; see `Report.plot`."""
    figure = new_figure(13, 11 if against else 7)
    rows = 2 if against else 1
    parts = figure.subfigures(rows, 1, height_ratios=[3, 2][:rows])
    top = parts[0] if against else parts
    left, right = top.subplots(1, 2, width_ratios=[5, 6])
    plot_heat_map(report, left)
    plot_severities(report, right)
    if against:
        plot_bars([report, *against], parts[1].subplots())
    return figure


def plot_heat_map(report, axes) -> None:
    """Draws a heat map of accuracy by corruption and severity."""
    names, severities = report.corruptions, report.severities
    values = np.array(
        [[report.row(n, s)["accuracy"] for s in severities] for n in names]
    )
    chance = 1 / report.metadata["num_classes"]
    image = axes.imshow(
        100 * values, cmap="cividis", vmin=100 * chance, vmax=100, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(values):
        # The lower half of cividis is dark.
        bright = value > (chance + 1) / 2
        axes.text(
            column,
            row,
            f"{100 * value:.0f}",
            ha="center",
            va="center",
            fontsize=9,
            color="black" if bright else "white",
        )
    boundary = sum(name not in EXTRA for name in names) - 0.5
    if -0.5 < boundary < len(names) - 0.5:  # The four extras are below.
        axes.axhline(boundary, color="white", linewidth=4)
    axes.set_xticks(range(len(severities)), severities)
    axes.set_yticks(range(len(names)), [_label(report, n) for n in names])
    title = "accuracy, %"
    if CLEAN in report.cells:
        title += f", clean {100 * report.row(*CLEAN)['accuracy']:.1f}"
    axes.set(xlabel="severity", title=_title(report, title))
    axes.figure.colorbar(image, ax=axes, pad=0.02)


def plot_severities(report, axes) -> None:
    """Draws accuracy by severity, one line per group of corruptions."""
    severities = report.severities
    clean = [CLEAN] if CLEAN in report.cells else []
    lines = {"all": report.corruptions}
    for group, names in GROUPS.items():
        lines[group] = [name for name in names if name in report.corruptions]
    styles = dict(zip(lines, (GRAY, *COLORS), strict=False))
    for group, names in lines.items():
        if not names:
            continue
        means = [report.row(*cell)["accuracy"] for cell in clean] + [
            np.mean([report.row(name, s)["accuracy"] for name in names])
            for s in severities
        ]
        axes.plot(
            [0] * len(clean) + severities,
            100 * np.array(means),
            marker="o",
            markersize=4,
            color=styles[group],
            linewidth=3 if group == "all" else 1.6,
            label=f"{group} ({len(names)})",
        )
    ticks = [0, *severities] if clean else severities
    axes.set_xticks(ticks, ["clean" if s == 0 else s for s in ticks])
    axes.set(
        xlabel="severity",
        ylabel="accuracy, %",
        ylim=(0, 100),
        title=_title(report, "by group of corruptions"),
    )
    axes.grid(alpha=0.3)
    axes.legend(title="mean over", fontsize=9)


def plot_bars(reports, axes) -> None:
    """Draws a bar chart of accuracy by corruption, one bar per report."""
    names = ["clean"] if all(CLEAN in r.cells for r in reports) else []
    names += [
        name
        for name in reports[0].corruptions
        if all(name in report.corruptions for report in reports)
    ]
    width = 0.8 / len(reports)
    for number, report in enumerate(reports):
        heights = [
            report.row(*CLEAN)["accuracy"]
            if name == "clean"
            else corruption_accuracy(report, name)
            for name in names
        ]
        axes.bar(
            np.arange(len(names)) + (number - (len(reports) - 1) / 2) * width,
            100 * np.array(heights),
            width,
            color=COLORS[number % len(COLORS)],
            label=_literal(report.model),
        )
    labels = [_label(reports[0], name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=40, ha="right")
    axes.set_xlim(-0.6, len(names) - 0.4)
    title = f"accuracy by corruption, {describe_severities(reports[0])}"
    if any(report.metadata["regenerated"] for report in reports):
        title += " (regenerated)"
    axes.set(ylabel="accuracy, %", ylim=(0, 100), title=title)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.get_figure(root=False).legend(
        loc="outside lower center", ncols=min(len(reports), 2), fontsize=9
    )


def _label(report, name):
    """Returns the axis label of a corruption."""
    procedural = name == "frost" and report.metadata["procedural_frost"]
    return "frost (procedural)" if procedural else name


def _title(report, title):
    regenerated = " (regenerated)" if report.metadata["regenerated"] else ""
    return _literal(f"{report.model}: {title}{regenerated}")


def _literal(text):
    """Returns wrapped text that Matplotlib renders literally."""
    lines = textwrap.fill(one_line(text), 60)
    # Dollars enclose an equation; a leading "_" hides a label in the legend.
    return re.sub("^_", " _", lines).replace("$", r"\$")
