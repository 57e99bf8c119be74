# SPDX-License-Identifier: MIT
"""Draws the plots of docs/performance.md.

usage: plots.py RESULTS FOLDER
RESULTS is the JSON of bench/report.lua. Each title states what the plot shows, with figures of these
results. The pictures are narrow, so that they can be read on a phone, and have a white background,
because pages may be dark.
"""
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402 (after the choice of the output)

WIDTH = 5.0  # inches; at 72 points an inch a phone shows the text in about its own size
OURS, OTHER, FLOOR, TEXT = "#0b6e8f", "#aab4bd", "#e0a458", "#1d2733"

NAMES = {
    "ours": "predibase, Lua 5.4",
    "jit": "predibase, LuaJIT",
    "chat": "predibase, chats",
    "floor": "bare libcurl",
    "lorax": "lorax-client",
    "huggingface": "huggingface_hub",
    "openai": "openai, chats",
    "node": "Node's fetch",
    "luasocket": "luasocket",
    "luacurl": "lua-curl, LuaJIT",
    "copas": "copas, LuaJIT",
}


def read(path):
    """Returns the medians by name (WHO/SETTING/NAME), and the object of the file."""
    results = json.loads(Path(path).read_text(encoding="utf-8"))
    medians = {}
    for row in results["rows"]:
        for name, value in (
            (row["measurement"], row.get("ours")),
            (row.get("baseline_measurement"), row.get("baseline")),
        ):
            if value is not None:
                medians[name] = value
    return medians, results


def short(value):
    """Writes a number with two or three digits."""
    if value >= 1e6:
        return f"{value / 1e6:.1f} million"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def say_delay(ms):
    if ms >= 1000:
        return f"{ms / 1000:.3g} s"
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def times(ratio):
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def compared(ratio, less, more):
    """Says "N times LESS" or "N times MORE" of a ratio of the others to ours."""
    if ratio >= 1:
        return f"{times(ratio)} times {less}"
    return f"{times(1 / ratio)} times {more}"


def colour(who):
    return {"ours": OURS, "jit": OURS, "chat": OURS, "floor": FLOOR}.get(who, OTHER)


def new_figure(height, title):
    figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold", color=TEXT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=TEXT, labelsize=10.5)
    return figure, axes


def describe(figure, text):
    """Says below the axes what they show. (Labels of axes are cut off where they are too long.)"""
    figure.supxlabel(text, x=0.01, ha="left", fontsize=10.5, color=TEXT)


def save(figure, path):
    figure.savefig(path, facecolor="white", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def bars(path, title, unit, values, more_is_better=False):
    """Draws horizontal bars with names and values, the best on top; `values` are who -> number."""
    figure, axes = new_figure(1.15 + 0.33 * len(values), title)
    order = sorted(values, key=values.get, reverse=not more_is_better)
    axes.barh(
        [NAMES[who] for who in order],
        [values[who] for who in order],
        color=[colour(who) for who in order],
        height=0.7,
    )
    largest = max(values.values())
    axes.set_xlim(0, largest * 1.25)
    for place, who in enumerate(order):
        axes.text(
            values[who] + largest * 0.015,
            place,
            short(values[who]),
            va="center",
            fontsize=10.5,
            color=TEXT,
        )
        if who in ("ours", "jit", "chat"):
            axes.get_yticklabels()[place].set_fontweight("bold")
    describe(figure, unit)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(plt.MaxNLocator(5))
    axes.xaxis.set_major_formatter(
        lambda x, _: f"{x / 1e6:g} M" if x and largest >= 1e6 else f"{x:,.0f}"
    )
    save(figure, path)


def pick(medians, setting, names, key, who=NAMES):
    """Returns who -> value of those that were measured; `names` replaces the setting for some."""
    values = {}
    for one in who:
        value = medians.get(f"{one}/{names.get(one, setting)}/{key}")
        if value is not None:
            values[one] = value
    return values


def draw_text(medians, folder):
    values = pick(medians, "stream", {"ours": "text", "jit": "text"}, "tokens_per_cpu_s")
    values.pop("floor", None)
    bars(
        folder / "text.svg",
        f"predibase reads {times(values['ours'] / values['lorax'])} times as many tokens\n"
        "as lorax-client in the same CPU time",
        "tokens of one stream per second of CPU time; more is better",
        values,
        more_is_better=True,
    )


def draw_calls(medians, folder):
    values = pick(medians, "generate", {}, "cpu_us_per_call")
    bars(
        folder / "calls.svg",
        f"A call costs {compared(values['lorax'] / values['ours'], 'less', 'more')} CPU time\n"
        "than with lorax-client",
        "CPU time of one call, microseconds; less is better",
        values,
    )


def draw_paced(medians, folder):
    values = pick(medians, "100", {}, "cpu_us_per_token")
    bars(
        folder / "paced.svg",
        "100 streams at 50 tokens a second: a token\n"
        f"costs {times(values['ours'] / values['floor'])} times bare libcurl",
        "CPU time of one token, microseconds; less is better",
        values,
    )


def draw_memory(medians, folder):
    values = pick(medians, "1000", {}, "kib_per_stream")
    bars(
        folder / "memory.svg",
        f"A stream takes {values['ours']:.0f} KiB of memory,\n"
        f"{times(values['ours'] / values['floor'])} times bare libcurl",
        "memory of each of 1,000 streams, KiB; less is better",
        values,
    )


def draw_start(medians, folder):
    values = {}
    for who in NAMES:
        value = medians.get(f"starts/peers/{who}_ms")
        if value is not None:
            values[who] = value
    bars(
        folder / "start.svg",
        f"A program with predibase takes {compared(values['lorax'] / values['ours'], 'less', 'more')}\n"
        "CPU time to start than with lorax-client",
        "CPU time to start, read 5 tokens and end, milliseconds;\nless is better",
        values,
    )


def draw_delay(medians, folder):
    """Draws the range from the median to the p99 of each client's delay."""
    half = pick(medians, "1000", {}, "delay_ms_p50")
    most = pick(medians, "1000", {}, "delay_ms_p99")
    order = sorted(most, key=most.get, reverse=True)
    behind = [who for who in order if half[who] > 1000]
    figure, axes = new_figure(
        1.3 + 0.36 * len(order),
        "1,000 streams at 50 tokens a second: 99 of 100\n"
        f"tokens arrive within {say_delay(most['ours'])}",
    )
    axes.set_xscale("log")
    for place, who in enumerate(order):
        axes.plot([half[who], most[who]], [place, place], color=colour(who), linewidth=3)
        axes.plot(half[who], place, "o", color=colour(who), markersize=6)
        axes.plot(most[who], place, "|", color=colour(who), markersize=13, markeredgewidth=3)
        axes.text(most[who] * 1.25, place, say_delay(most[who]), va="center", fontsize=10.5)
    axes.set_yticks(range(len(order)), [NAMES[who] for who in order])
    for place, who in enumerate(order):
        if who in ("ours", "jit", "chat"):
            axes.get_yticklabels()[place].set_fontweight("bold")
    axes.set_xlim(min(half.values()) / 1.5, max(most.values()) * 9)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.xaxis.set_major_formatter(lambda x, _: say_delay(x))
    describe(
        figure,
        "delay of a token, from the median (dot) to the p99 (bar),\nlogarithmic; less is better"
        + ("\nSeconds of delay: the client does not keep up." if behind else ""),
    )
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    save(figure, folder / "delay.svg")


def draw_streams(medians, folder):
    """Draws the cost of a token by the number of streams, with the names beside the lines."""
    sizes = [1, 100, 1000, 5000]
    ours = [medians[f"ours/{n}/cpu_us_per_token"] for n in sizes]
    floor = [medians[f"floor/{n}/cpu_us_per_token"] for n in sizes]
    figure, axes = new_figure(
        3.6,
        f"A token costs {times(ours[0] / floor[0])} times bare libcurl with\n"
        f"one stream, and {times(ours[2] / floor[2])} times with 1,000",
    )
    for values, who in ((ours, "ours"), (floor, "floor")):
        above = who == "ours"
        axes.plot(sizes, values, "o-", color=colour(who), linewidth=2.5, markersize=6)
        for n, value in zip(sizes, values):
            axes.annotate(
                short(value),
                (n, value),
                xytext=(0, 8 if above else -8),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                fontsize=10,
                color=TEXT,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(0.6, 12000)
    axes.set_ylim(min(floor) / 1.9, max(ours) * 2)
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axes.minorticks_off()
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200) if min(floor) / 2 < t < max(ours) * 2]
    axes.set_yticks(ticks, [str(t) for t in ticks])
    for values, who in ((ours, "ours"), (floor, "floor")):
        axes.annotate(
            NAMES[who],
            (10, (values[0] * values[1]) ** 0.5),
            xytext=(0, 12 if who == "ours" else -12),
            textcoords="offset points",
            ha="left" if who == "ours" else "right",
            va="bottom" if who == "ours" else "top",
            fontsize=10.5,
            fontweight="bold",
            color=colour(who) if who == "ours" else "#9a6a22",
        )
    describe(
        figure,
        "streams at the same time, each with 50 tokens a second\n(5,000 streams: 10 a second)",
    )
    axes.set_ylabel("CPU time of one token,\nmicroseconds", fontsize=10.5, color=TEXT)
    save(figure, folder / "streams.svg")


def main(path, folder):
    plt.rcParams.update({"svg.hashsalt": "predibase", "text.color": TEXT})
    medians, _ = read(path)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for draw, needed in (
        (draw_text, "lorax/stream/tokens_per_cpu_s"),
        (draw_calls, "lorax/generate/cpu_us_per_call"),
        (draw_paced, "floor/100/cpu_us_per_token"),
        (draw_memory, "floor/1000/kib_per_stream"),
        (draw_start, "starts/peers/lorax_ms"),
        (draw_delay, "ours/1000/delay_ms_p99"),
        (draw_streams, "ours/5000/cpu_us_per_token"),
    ):
        if needed in medians:
            draw(medians, folder)
        else:
            print(f"a plot is not drawn, because {needed} was not measured", file=sys.stderr)


main(*sys.argv[1:])
