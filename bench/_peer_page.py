"""Updates the tables and plots of PAGES in docs/benchmarks, and leaves the rest of the pages unchanged.

The part between `<!-- begin: NAME -->` and `<!-- end -->` is replaced by the table of that name.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _peer_tables as tables
from _measure import RESULTS, ROOT, median

PLOTS = ROOT / "docs" / "benchmarks"
PAGES = tuple(
    PLOTS / f"{name}.md"
    for name in (
        "index",
        "slow-consumer",
        "engine",
        "libraries",
    )
)
SIZE, FPS = "1280x720", 60.0
LONG = 300.0  # minimum seconds of a run that shows how memory grows
PACED = {
    "p50_us": "freshframe p50 µs",
    "p99_us": "freshframe p99 µs",
    "bare_p50_us": "bare p50 µs",
    "bare_p99_us": "bare p99 µs",
}
CHAIN = {"per_s": "freshframe samples/s", "threads_per_s": "threads samples/s"}
PACED_CHAIN = {"p50_us": "freshframe p50 µs", "threads_p50_us": "threads p50 µs"}
BURSTS = {"us_per_sample": "freshframe µs per sample", "bare_us": "bare queue µs per sample"}
SLOW_BRANCHES = {
    "sleep": "sleeps",
    "burn": "computes",
}
VERDICTS = {"wins": "the peer", "": "freshframe"}
DECODERS = (
    "C++ luma",
    "Python luma",
    "the bare loop",
    "PyAV luma",
    "cv2 grab()",
    "C++ bgr",
    "Python bgr",
    "cv2 read()",
    "PyAV bgr",
)
PART = re.compile(r"(<!-- begin: ([\w ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def comparison(runs: tables.Runs) -> str:
    """Returns a table of the figures in which a peer or a mode of freshframe is ahead, without ties."""
    rows = [["slow branch", "figure", "best peer", "freshframe", "ahead"]]
    for trial, shown in SLOW_BRANCHES.items():
        rows += [
            [
                shown,
                one.what,
                f"`{one.peer}` {one.theirs_text}",
                f"`{one.ours}` {one.ours_text}",
                VERDICTS[one.verdict],
            ]
            for one in tables.comparisons(runs, trial)
            if one.verdict != "ties"
        ]
    return tables.markdown(rows)


def goals(runs: tables.Runs) -> str:
    """Returns a table of the goals and their measurements."""
    rows = [["goal", "measured", "bound", "verdict"], *(goal.row() for goal in tables.goals(runs))]
    return tables.markdown(rows)


def installations(document: dict[str, Any]) -> str:
    """Returns a table with version and size of each installation, and the peers that share it."""
    peers: dict[tuple[str, ...], list[str]] = {}
    for name, one in document["installed"].items():
        shown = ", ".join(f"{key} {version}" for key, version in list(one["versions"].items())[:3])
        cells = [tables.short(one[key]) if key in one else "-" for key in ("mb", "debian_mb")]
        peers.setdefault((*cells, shown), []).append(name)
    rows = [["", "MB", "Debian's libraries MB", "versions"]]
    rows += [[", ".join(names), *cells] for cells, names in peers.items()]
    return tables.markdown(rows)


def pieces(document: dict[str, Any]) -> str:
    """Returns when, on which machine and with which load the runs were made."""
    found = document["pieces"]
    loads = [piece["load_before"] for piece in found] + [piece["load_after"] for piece in found]
    commits = sorted({piece["commit"] for piece in found})
    days = sorted({piece["date"][:10] for piece in found})
    machines = sorted({piece["machine"] for piece in found})
    seconds = sorted({piece["settings"]["seconds"] for piece in found})
    count = sum(len(piece["runs"]) for piece in found)
    return "\n".join(
        [
            f"- Machine: {'; '.join(machines)}.",
            f"- {len(found)} pieces with {count} runs, {' and '.join(days)}; commits {', '.join(commits)}.",
            f"- A measurement takes {' or '.join(f'{one:g}' for one in seconds)} s after a warm-up of 2 s.",
            f"- Load average before and after the pieces: {min(loads):.1f} to {max(loads):.1f}, "
            f"median {median(loads):.1f}.",
            f"- Python {document['versions']['python']}, freshframe {document['versions']['freshframe']}.",
            *(f"- Left out: {name}: {reason}." for name, reason in document.get("skipped", {}).items()),
        ]
    )


def find_rows(name: str, columns: dict[str, str]) -> str:
    """Returns a table of the rows of another benchmark that have these figures."""
    document = json.loads((RESULTS / f"{name}.json").read_text())
    lines = [["", *columns.values()]]
    lines += [
        [row["name"].partition(":")[0], *(tables.short(float(row[key])) for key in columns)]
        for row in document["rows"]
        if all(key in row for key in columns)
    ]
    where = f"`./dev bench {name}`, commit {document['commit']}, {document['date'][:10]}, "
    return f"{where}load {document['load_before']}:\n\n{tables.markdown(lines)}"


def decoding() -> str:
    """Returns a table of decoding speeds, with a row for each size and number of threads."""
    document = json.loads((RESULTS / "decode.json").read_text())
    found: dict[str, dict[str, str]] = {}
    for row in document["rows"]:
        if match := re.fullmatch(r"(\w+, \d threads?): (\S+ \w+) against (.+)", row["name"]):
            cells = found.setdefault(match[1], {})
            cells |= {match[2]: tables.short(row["ms"]), match[3]: tables.short(row["other_ms"])}
    lines = [["", *DECODERS], *([case, *map(cells.__getitem__, DECODERS)] for case, cells in found.items())]
    where = f"`./dev bench decode`, commit {document['commit']}, {document['date'][:10]}, "
    return f"{where}load {document['load_before']}:\n\n{tables.markdown(lines)}"


PROGRAMS = {
    "cv2_latest": "cv2, a thread that keeps the latest frame, default number of decoder threads",
    "cv2_latest_1_thread": "cv2, the same with one decoder thread",
    "pyav_latest": "PyAV, a thread that keeps the latest frame",
    "gstreamer": "GStreamer with leaky queues",
    "freshframe_latest": "freshframe, `LATEST`",
    "freshframe_next": "freshframe, `NEXT`",
}


def programs(runs: tables.Runs) -> str:
    """Returns a table of the ages in the programs that docs/benchmarks/libraries.md compares."""
    rows = [["", "age at the fast branch, ms", "age at the slow branch, ms", "dropped frames are counted"]]
    for name, what in PROGRAMS.items():
        found = [one for one in runs["phases"].get(name, []) if "failed" not in one]
        if found:
            ages = [tables.text(tables.values(found, f"{branch}.p50_ms")) for branch in ("fast", "slow")]
            rows.append([what, *ages, "yes" if found[0]["slow"]["counted"] is not None else "no"])
    return tables.markdown(rows)


def long_runs(document: dict[str, Any]) -> str:
    """Returns a table of the memory of long runs."""
    rows = [["", "camera", "minutes", "MB at the end", "MB grown", "frames", "slow missed", "counted"]]
    for piece in document["pieces"]:
        settings = piece["settings"]
        if settings["seconds"] >= LONG:
            for one in piece["runs"]:
                figures = [
                    settings["seconds"] / 60,
                    one["memory_mb"],
                    one["growth_mb_per_s"] * settings["seconds"],
                    *(one["fast"]["frames"], one["slow"]["missed"], one["slow"]["counted"]),
                ]
                camera = f"{settings['size']}, {settings['fps']:g} fps"
                rows.append([one["peer"], camera, *(tables.short(figure) for figure in figures)])
    return tables.markdown(rows)


def parts(document: dict[str, Any]) -> dict[str, Callable[[], str]]:
    """Returns a function for each part of the page, which returns its Markdown."""
    runs = tables.by_trial(document, SIZE, FPS)
    found: dict[str, Callable[[], str]] = {
        trial: lambda trial=trial: tables.markdown(tables.table(trial, runs[trial]))  # type: ignore[misc]
        for trial in runs
    }
    return found | {
        "comparison": lambda: comparison(runs),
        "goals": lambda: goals(runs),
        "installed": lambda: installations(document),
        "pieces": lambda: pieces(document),
        "programs": lambda: programs(runs),
        "memory": lambda: long_runs(document),
        "hop": lambda: find_rows("hop", PACED),
        "bursts": lambda: find_rows("hop", BURSTS),
        "chain": lambda: find_rows("python_chain", CHAIN),
        "paced chain": lambda: find_rows("python_chain", PACED_CHAIN),
        "decode": decoding,
    }


def page_with(document: dict[str, Any], page: str) -> str:
    """Returns the page with its parts updated."""
    found = parts(document)

    def fill(part: re.Match[str]) -> str:
        if part[2] not in found:
            return part[0]
        return f"{part[1]}\n{found[part[2]]()}\n\n{part[4]}"

    return PART.sub(fill, page)


# --- plots --------------------------------------------------------------------------------------------------


def plot(
    path: Path, title: str, runs: dict[str, list[tables.Run]], columns: dict[str, str], *, log: bool
) -> None:
    """Plots one row per peer: a small point per run, a large one for the median, a colour per figure."""
    import matplotlib as mpl  # noqa: PLC0415  (not needed for the tables)

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "freshframe", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot as plt  # noqa: PLC0415

    first = next(iter(columns))
    names = [name for name, one in runs.items() if tables.values(one, first)]
    names.sort(key=lambda name: median(tables.values(runs[name], first)), reverse=True)
    figure, axes = plt.subplots(figsize=(7.2, 0.6 + 0.24 * len(names)), layout="constrained")
    for (column, label), colour in zip(columns.items(), ("#0b7285", "#e8590c"), strict=False):
        for row, name in enumerate(names):
            found = tables.values(runs[name], column)
            axes.plot(found, [row] * len(found), "o", color=colour, alpha=0.35, markersize=3, linewidth=0)
            if found:
                shown = label if row == 0 else None
                axes.plot([median(found)], [row], "o", color=colour, markersize=6, label=shown)
    axes.set_yticks(range(len(names)), [name.removeprefix("game_") for name in names])
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_fontweight("bold" if "freshframe" in name else "normal")
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    path.write_text(" ".join(path.read_text().split()) + "\n")  # one line, for short diffs


def plots(document: dict[str, Any]) -> None:
    """Draws all plots of the page."""
    runs = tables.by_trial(document, SIZE, FPS)
    both = {"p50_ms": "p50", "p99_ms": "p99"}
    for trial in ("sleep", "burn"):
        for branch in ("fast", "slow"):
            columns = {f"{branch}.{key}": label for key, label in both.items()}
            title = f"{tables.TITLES[trial]}: age at the {branch} branch, ms"
            plot(PLOTS / f"{trial}-{branch}.svg", title, runs[trial], columns, log=True)
    columns = {"heartbeat.p99_ms": "p99", "heartbeat.max_ms": "longest"}
    title = f"{tables.TITLES['burn']}: gaps of a 1 ms heartbeat, ms"
    plot(PLOTS / "burn-heartbeat.svg", title, runs["burn"], columns, log=True)
    if "game" in runs:
        columns = {"lost_frames": "frames lost"}
        title = f"{tables.TITLES['game']}: frames of 300 that the player did not see"
        plot(PLOTS / "game.svg", title, runs["game"], columns, log=False)


def write(document: dict[str, Any]) -> None:
    """Writes the plots and pages."""
    plots(document)
    for page in PAGES:
        page.write_text(page_with(document, page.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"written: the tables and plots of {PLOTS}")
