"""Tables, comparisons and goals of bench/peers.py, from the measurements of all runs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from _measure import median

Run = dict[str, Any]
Runs = dict[str, dict[str, list[Run]]]  # by trial and peer

TITLES = {
    "sleep": "The slow branch sleeps 100 ms per frame",
    "phases": "The slow branch sleeps 100 ms, then until a drawn phase",
    "burn": "The slow branch computes 100 ms per frame in Python",
    "idle": "No slow branch",
    "silent": "The camera falls silent, then the program stops",
    "webcam_sleep": "A camera in the process, the slow branch sleeps",
    "webcam_burn": "A camera in the process, the slow branch computes in Python",
    "game": "A pygame loop at 60 Hz beside a tracker",
}
BRANCHES = (
    ("fast.p50_ms", "fast p50 ms"),
    ("fast.p99_ms", "fast p99 ms"),
    ("fast.missed", "fast missed"),
    ("slow.p50_ms", "slow p50 ms"),
    ("slow.p99_ms", "slow p99 ms"),
    ("heartbeat.p99_ms", "heartbeat p99 ms"),
    ("cores", "cores"),
    ("memory_mb", "MB"),
)
WEBCAM = (BRANCHES[0], BRANCHES[3], *BRANCHES[6:])  # without p99, which would be noise in a single round
COLUMNS = {
    "sleep": BRANCHES,
    "phases": BRANCHES,
    "burn": BRANCHES,
    "webcam_sleep": WEBCAM,
    "webcam_burn": WEBCAM,
    "idle": (*BRANCHES[:3], *BRANCHES[5:]),
    "silent": (("stop_s", "stop s"), ("first_frame_s", "import to first frame s")),
    "game": (
        ("frame.p50_ms", "frame p50 ms"),
        ("frame.p99_ms", "frame p99 ms"),
        ("lost_frames", "frames lost"),
        ("seen.p50_ms", "result's age p50 ms"),
        ("seen.p99_ms", "p99 ms"),
        ("cores", "cores"),
    ),
}
SORTED_BY = {"idle": "fast.p50_ms", "silent": "stop_s", "game": "lost_frames"}
STOP_LIMIT = 5.0  # as in bench/peers/child.py


def by_trial(document: dict[str, Any], size: str, fps: float) -> Runs:
    """Returns all runs with this stream, in the order of their rounds."""
    runs: Runs = {}
    for piece in document["pieces"]:
        if (piece["settings"]["size"], piece["settings"]["fps"]) == (size, fps):
            for one in piece["runs"]:
                runs.setdefault(one["trial"], {}).setdefault(one["peer"], []).append(one)
    for peers in runs.values():
        for found in peers.values():
            found.sort(key=lambda one: one["round"])
    return runs


def value(one: Run, path: str) -> float | None:
    """Returns `one["fast"]["p50_ms"]` for "fast.p50_ms". A stop that did not finish counts as STOP_LIMIT."""
    if path == "stop_s" and "stop_s" in one and one["stop_s"] is None:
        return STOP_LIMIT
    found: Any = one
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return None if found is None else float(found)


def values(runs: Iterable[Run], path: str) -> list[float]:
    """Returns the value of each run that has one."""
    return [found for one in runs if (found := value(one, path)) is not None]


def short(number: float) -> str:
    """Formats a number with three digits and without an exponent."""
    if number == int(number) or abs(number) >= 1000:
        return f"{number:.0f}"
    return f"{number:.3g}" if abs(number) >= 0.01 else f"{number:.4f}".rstrip("0")


def text(found: list[float], path: str = "") -> str:
    """Formats the median, and in brackets the lowest and highest value."""
    if not found:
        return "-"
    middle, low, high = median(found), min(found), max(found)
    if path == "stop_s" and middle >= STOP_LIMIT:
        return f"> {STOP_LIMIT:g}"
    if len(found) == 1 or short(low) == short(high):
        return short(middle)
    return f"{short(middle)} ({short(low)}\u2013{short(high)})"


def table(trial: str, peers: dict[str, list[Run]]) -> list[list[str]]:
    """Returns the header and one row per peer, best first."""
    columns = COLUMNS[trial]
    key = SORTED_BY.get(trial, "slow.p50_ms")

    def rank(name: str) -> float:
        found = values(peers[name], key)
        return median(found) if found else float("inf")

    rows = [["", *(heading for _, heading in columns)]]
    for name in sorted(peers, key=rank):
        good = [one for one in peers[name] if "failed" not in one]
        if not good:
            rows.append([name, peers[name][0]["failed"], *[""] * (len(columns) - 1)])
            continue
        cells = [text(values(good, path), path) for path, _ in columns]
        rows.append([name.removeprefix("game_"), *cells])
    return rows


def markdown(rows: list[list[str]]) -> str:
    """Formats a table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


# --- where a peer wins or ties ------------------------------------------------------------------------------

OURS = ("freshframe_latest", "freshframe_next", "freshframe_process")
COMPARED = (
    ("fast.p50_ms", "fast age, p50", "ms"),
    ("fast.p99_ms", "fast age, p99", "ms"),
    ("slow.p50_ms", "slow age, p50", "ms"),
    ("slow.p99_ms", "slow age, p99", "ms"),
    ("heartbeat.p99_ms", "heartbeat, p99", "ms"),
    ("cores", "processor", "cores"),
    ("memory_mb", "memory", "MB"),
    ("stop_s", "time to stop", "s"),
)


def keeps_up(runs: list[Run]) -> bool:
    """Returns True if the fast branch sees nearly all frames, so that the peer does the same work."""
    missed, frames = values(runs, "fast.missed"), values(runs, "fast.frames")
    ages = values(runs, "fast.p50_ms")
    return bool(ages) and median(ages) < 200 and median(missed) <= 0.03 * (median(missed) + median(frames))


@dataclass(frozen=True)
class Comparison:
    """One figure of one trial: the best peer compared with the best mode of freshframe."""

    what: str
    peer: str
    ours: str
    theirs_text: str
    ours_text: str
    verdict: str  # "wins": all runs of the peer beat all of ours; "ties": the ranges overlap; ""


def comparisons(runs: Runs, trial: str) -> list[Comparison]:
    """Returns a comparison for each figure."""
    found = []
    peers = {name: one for name, one in runs.get(trial, {}).items() if keeps_up(one)}
    for path, what, unit in COMPARED:
        ranked = sorted((median(values(one, path)), name) for name, one in peers.items() if values(one, path))
        theirs = [name for _, name in ranked if not name.startswith("freshframe")]
        ours = [name for _, name in ranked if name in OURS]
        if not theirs or not ours:
            continue
        a, b = values(peers[theirs[0]], path), values(peers[ours[0]], path)
        verdict = "wins" if max(a) < min(b) else "" if max(b) < min(a) else "ties"
        found.append(
            Comparison(
                what,
                theirs[0],
                ours[0],
                f"{text([median(a)], path)} {unit}",
                f"{text([median(b)], path)} {unit}",
                verdict,
            )
        )
    return found


# --- the goals ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """A goal: in each round a value and its upper bound."""

    sentence: str
    rounds: list[tuple[float, float]]

    def row(self) -> list[str]:
        """Returns the sentence, the measured value, the bound and the verdict."""
        if not self.rounds:
            return [self.sentence, "-", "-", "not measured"]
        met = sum(found <= bound for found, bound in self.rounds)
        count = len(self.rounds)
        verdict = (
            "met" if met == count else "missed" if met == 0 else f"noise: met in {met} of {count} rounds"
        )
        measured, bound = (text([pair[side] for pair in self.rounds]) for side in (0, 1))
        return [self.sentence, measured, bound, verdict]


def goals(runs: Runs) -> list[Goal]:
    """Returns the project's goals for a run at 60 fps and 1280x720."""

    def at(trial: str, peer: str, number: int, path: str) -> float | None:
        for one in runs.get(trial, {}).get(peer, []):
            if one["round"] == number:
                return value(one, path)
        return None

    def best(trial: str, number: int, path: str, among: Callable[[str], bool]) -> float | None:
        peers = [name for name, one in runs.get(trial, {}).items() if among(name) and keeps_up(one)]
        found = [one for name in peers if (one := at(trial, name, number, path)) is not None]
        return min(found, default=None)

    def is_peer(name: str) -> bool:
        return not name.startswith("freshframe")

    def in_process(name: str) -> bool:
        return is_peer(name) and name not in ("shared_memory_1_thread", "dora")

    numbers = sorted({one["round"] for peers in runs.values() for found in peers.values() for one in found})

    def goal(
        sentence: str, pair: Callable[[int], tuple[float | None, float | None]], times: float = 1.0
    ) -> Goal:
        pairs = [pair(number) for number in numbers]
        return Goal(sentence, [(a, times * b) for a, b in pairs if a is not None and b is not None])

    def against_peers(
        sentence: str, trial: str, ours: str, path: str, times: float, among: Any = is_peer
    ) -> Goal:
        return goal(sentence, lambda n: (at(trial, ours, n, path), best(trial, n, path, among)), times)

    def stop_bound(peer: str) -> Goal:
        return goal(
            f"silent camera, {peer}: stop s, bound 0.15", lambda n: (at("silent", peer, n, "stop_s"), 0.15)
        )

    native = "freshframe_native"
    books = [
        (abs(one["slow"]["missed"] - one["slow"]["counted"]), 0.0)
        for trial in ("sleep", "burn")
        for name, found in runs.get(trial, {}).items()
        for one in found
        if name.startswith("freshframe") and one.get("slow", {}).get("counted") is not None
    ]
    return [
        against_peers(
            "sleep: slow age p50 ms of NEXT, bound 0.5 x the best peer", "sleep", OURS[1], "slow.p50_ms", 0.5
        ),
        against_peers(
            "burn: slow age p50 ms of NEXT, bound 0.5 x the best peer", "burn", OURS[1], "slow.p50_ms", 0.5
        ),
        against_peers(
            "drawn phases: slow age p50 ms of LATEST, bound 1.05 x the best peer",
            "phases",
            OURS[0],
            "slow.p50_ms",
            1.05,
        ),
        against_peers(
            "burn: slow age p50 ms of LATEST, bound 1.05 x the best peer",
            "burn",
            OURS[0],
            "slow.p50_ms",
            1.05,
        ),
        *(
            goal(
                f"burn: native fast branch, {name} ms, bound 1.1 x its idle value",
                lambda n, p=path: (at("burn", native, n, p), at("idle", native, n, p)),  # type: ignore[misc]
                1.1,
            )
            for path, name in (("fast.p50_ms", "p50"), ("fast.p99_ms", "p99"))
        ),
        *(
            against_peers(
                f"burn: native fast branch, {name} ms, bound 0.5 x the best in-process peer",
                "burn",
                native,
                path,
                0.5,
                in_process,
            )
            for path, name in (("fast.p50_ms", "p50"), ("fast.p99_ms", "p99"))
        ),
        Goal("counted drops beside real gaps, difference, bound 0", books),
        *(stop_bound(peer) for peer in OURS),
        *(
            against_peers(f"sleep: cores of {peer}, bound the leanest peer's", "sleep", peer, "cores", 1.0)
            for peer in OURS[:2]
        ),
        goal(
            "burn: heartbeat p99 ms of process=True, bound 1.2 x beside unrelated processes + 0.2",
            lambda n: (
                at("burn", "freshframe_process", n, "heartbeat.p99_ms"),
                None
                if (beat := at("burn", "freshframe_unrelated", n, "heartbeat.p99_ms")) is None
                else 1.2 * beat + 0.2,
            ),
        ),
        goal(
            "import to first frame s, bound OpenCV's (1 decoder thread)",
            lambda n: (
                at("sleep", OURS[0], n, "first_frame_s"),
                at("sleep", "cv2_latest_1_thread", n, "first_frame_s"),
            ),
        ),
    ]
