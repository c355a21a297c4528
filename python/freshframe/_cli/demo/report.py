"""The report of the demo, as one JSON object and as text that explains each figure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import freshframe as ff

from ..game import RATE, Diary, missed
from ..quantile import quantile
from ..summary import causes

_VISIBLE = 0.5  # minimum visible share of the rim for a ball to count
_NEAR = 0.5  # maximum distance of a matching circle relative to the ball's radius


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The accuracy of the tracker, over the frames compared with the truth."""

    frames: int
    balls: int  # visible balls, over all frames
    found: int
    centre_error_px: float | None  # median
    id_switches: int

    @property
    def found_share(self) -> float | None:
        """Share of the visible balls that were found, 0 to 1."""
        return self.found / self.balls if self.balls else None


def compare(url: str, samples: Iterable[ff.Sample[ff.Circles]]) -> Accuracy:
    """Matches the circles of each sample with the true balls of its frame, nearest first."""
    frames = balls = switches = 0
    errors: list[float] = []
    identity: dict[int, int] = {}  # ball -> its last tracker_id
    for sample in samples:
        frames += 1
        circles = sample.value
        ids = [None] * len(circles.xyr) if circles.tracker_id is None else circles.tracker_id.tolist()
        truth = [ball for ball in ff.demo.circles(url, sample.seq) if ball.visible >= _VISIBLE]
        balls += len(truth)
        pairs = sorted(
            (math.hypot(x - ball.x, y - ball.y), index, ball.id)
            for ball in truth
            for index, (x, y, _) in enumerate(circles.xyr.tolist())
            if math.hypot(x - ball.x, y - ball.y) <= _NEAR * ball.r
        )
        taken: set[int] = set()
        matched: set[int] = set()
        for distance, index, ball_id in pairs:
            if index in taken or ball_id in matched:
                continue
            taken.add(index)
            matched.add(ball_id)
            errors.append(distance)
            track = ids[index]
            if track is not None:
                switches += identity.get(ball_id, track) != track
                identity[ball_id] = track
    return Accuracy(frames, balls, len(errors), statistics.median(errors) if errors else None, switches)


@dataclass(frozen=True, slots=True)
class Live:
    """The measurements of one live part of the demo."""

    stats: ff.stats.Stats
    game: Diary

    @property
    def longest(self) -> float:
        """The longest interval between two frames of the game, in seconds."""
        return max(self.game.frame_times, default=0.0)

    @property
    def gil_share(self) -> float:
        """Share of the time during which the computing node held the GIL, 0 to 1."""
        return self.stats.nodes["burns"].gil_hold / self.stats.elapsed if self.stats.elapsed else 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """All results of a run of the demo."""

    seconds: float
    alone: Diary  # the game without a pipeline
    beside_burning: Diary  # the game beside a computing Python thread, without a pipeline
    game: Diary
    on_thread: Live | None  # with --process: the part with the computing node on a thread
    stats: ff.stats.Stats
    accuracy: Accuracy
    recording: ff.stats.Report
    peak_rss: int  # bytes, at the end of the live part
    video: Path
    picture: Path


def books_balance(stats: ff.stats.Stats) -> bool:
    """Returns True if the counters of every edge add up."""
    return all(edge.passed_in == edge.delivered + edge.dropped + edge.waiting for edge in stats.edges)


def as_json(measured: Measured) -> dict[str, Any]:
    """Returns the report as a JSON object; times in seconds."""
    stats, accuracy, recording = measured.stats, measured.accuracy, measured.recording
    return {
        "seconds": measured.seconds,
        "cores": len(os.sched_getaffinity(0)),
        "game": _loop(measured),
        "process": _process(measured),
        "tracking": {
            "frames": accuracy.frames,
            "balls": accuracy.balls,
            "found": accuracy.found,
            "centre_error_px": accuracy.centre_error_px,
            "id_switches": accuracy.id_switches,
        },
        "nodes": {name: _node(node) for name, node in stats.nodes.items()},
        "edges": [_edge(edge) for edge in stats.edges],
        "books_balance": books_balance(stats),
        "peak_rss_bytes": measured.peak_rss,
        "recording": {
            "frames": recording.samples,
            "seconds": recording.elapsed,
            "complete": recording.complete,
            "video": str(measured.video),
            "picture": str(measured.picture),
        },
    }


def _loop(measured: Measured) -> dict[str, Any]:
    game = measured.game
    return {
        "frames": len(game.starts),
        "missed": game.missed,
        "missed_share": game.missed_share,
        "missed_share_alone": measured.alone.missed_share,
        "missed_share_beside_burning": measured.beside_burning.missed_share,
        "frame_time": spread(game.frame_times),
        "pull": spread(game.pulls),
        "age_at_pull": spread(game.ages),
    }


def _process(measured: Measured) -> dict[str, Any] | None:
    """Compares the computing node on a thread and in a worker process; None without --process."""
    if measured.on_thread is None:
        return None
    lives = {"thread": measured.on_thread, "worker": Live(measured.stats, measured.game)}
    return {
        name: {
            "missed_share": live.game.missed_share,
            "longest_frame": live.longest,
            "gil_share": live.gil_share,
        }
        for name, live in lives.items()
    }


def _node(node: ff.stats.NodeStats) -> dict[str, Any]:
    return {
        "fps": node.rate,
        "p50": node.duration_p50,
        "p99": node.duration_p99,
        "drops": dict(node.drops),
        "gil_wait": node.gil_wait,
        "gil_hold": node.gil_hold,
    }


def _edge(edge: ff.stats.EdgeStats) -> dict[str, Any]:
    return {
        "parent": edge.parent,
        "child": edge.child,
        "passed_in": edge.passed_in,
        "delivered": edge.delivered,
        "dropped": edge.dropped,
        "waiting": edge.waiting,
        "drops": dict(edge.drops),
        "age_p50": edge.age_p50,
        "age_p99": edge.age_p99,
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": max(values, default=0.0)}


def as_text(measured: Measured) -> list[str]:
    """Returns the report as text: figures, each with a sentence that explains it."""
    return [
        *_game(measured.game),
        *_freshness(measured.game.ages),
        *_tracking(measured.accuracy),
        *_hindrances(measured),
        *_books(measured.stats),
        *_item(
            "memory",
            f"{measured.peak_rss / 2**20:.0f} MiB at most: a slow node drops frames and uses no more",
        ),
        *_recorded(measured),
        *_honesty(measured),
    ]


def _item(name: str, *lines: str) -> list[str]:
    return [f"{name if number == 0 else '':<11}{line}" for number, line in enumerate(lines)]


def _game(game: Diary) -> list[str]:
    times = game.frame_times
    return _item(
        "game",
        f"a frame every {_ms(times, 0.5)} (p50), {_ms(times, 0.99)} (p99), {_ms(times, 1)} (longest); "
        f"{missed(game)} missed",
        f"Asking for the newest circles takes {quantile(game.pulls, 0.5) * 1e6:.1f} us: the game never waits "
        "for video.",
    )


def _freshness(ages: Sequence[float]) -> list[str]:
    return _item(
        "freshness",
        f"{_ms(ages, 0.5)} (p50), {_ms(ages, 0.99)} (p99) old when the game gets them",
        f"From camera to game, including the tracking; there is a new frame every {1e3 / RATE:.1f} ms.",
    )


def _tracking(accuracy: Accuracy) -> list[str]:
    share, error = accuracy.found_share, accuracy.centre_error_px
    if share is None or error is None:
        return _item("tracking", "no circle could be compared with the scene's truth")
    return _item(
        "tracking",
        f"{share:.1%} of the visible balls found, centres off by {error:.2f} px (median), "
        f"{accuracy.id_switches} identity switches",
        f"Compared with the true positions of the balls in the {accuracy.frames} frames that the game used.",
    )


def _hindrances(measured: Measured) -> list[str]:
    stats = measured.stats
    incoming = {edge.child: edge for edge in stats.edges}
    sleeps, burns = incoming["sleeps"], incoming["burns"]
    return [
        *_item(
            "slow nodes",
            f"the node that sleeps took {sleeps.delivered} of {sleeps.passed_in} samples, the one that "
            f"computes {burns.delivered} of {burns.passed_in}",
            "Each gets the newest sample when it is ready. Skipped samples are counted.",
        ),
        *_gil(Live(stats, measured.game), measured.on_thread),
    ]


def _gil(live: Live, on_thread: Live | None) -> list[str]:
    if on_thread is None:
        kept = f"{live.stats.nodes['burns'].gil_hold:.1f} of {live.stats.elapsed:.1f} s"
        return _item(
            "GIL",
            f"the node that computes held it for {kept}; another Python thread waits 5 ms for it",
            "That delays the game's frames. Scene and tracker are native threads and never need it.",
            "With --process the node that computes has its own process, with its own GIL.",
        )
    return _item(
        "process",
        *(
            f"{where} it held the GIL for {part.gil_share:.0%} of the time; the game's longest frame was "
            f"{part.longest * 1e3:.1f} ms, {missed(part.game)} missed"
            for where, part in (("on a thread", on_thread), ("in a worker", live))
        ),
        "This is the node that computes. The worker process has its own GIL.",
    )


def _books(stats: ff.stats.Stats) -> list[str]:
    verdict = "every sample is accounted for" if books_balance(stats) else "THEY DO NOT ADD UP"
    return _item(
        "counters",
        f"passed in = delivered + dropped + waiting, on every edge: {verdict}",
        *(
            f"{f'{edge.parent} -> {edge.child}':<20}{edge.passed_in:>6} = {edge.delivered:>5} + "
            f"{edge.dropped:>5} + {edge.waiting}   {causes(edge.drops)}"
            for edge in stats.edges
        ),
    )


def _recorded(measured: Measured) -> list[str]:
    verdict = "none was lost" if measured.recording.complete else "NOT COMPLETE"
    return _item(
        "recorded",
        f"{measured.recording.samples} frames of the same scene, as fast as they can be processed: {verdict}",
        str(measured.video),
        str(measured.picture),
    )


def _honesty(measured: Measured) -> list[str]:
    """Returns lines about what this machine was too slow for; empty if it was fast enough."""
    lines = []
    if measured.game.missed:
        game, alone, beside = map(missed, (measured.game, measured.alone, measured.beside_burning))
        lines += [
            f"The game missed {game} frames. Without video it misses {alone}, and {beside} beside a Python",
            "thread that computes. The rest is due to the cores that the video uses.",
        ]
    late = measured.stats.nodes["scene"].drops.get("device", 0)
    if late:
        lines.append(f"This machine could not paint {late} frames of the scene in time.")
    behind = sum(edge.dropped for edge in measured.stats.edges if edge.child == "tracker")
    if behind:
        lines.append(f"The tracker was still busy when {behind} frames arrived, and took newer ones instead.")
    if lines:
        cores = len(os.sched_getaffinity(0))
        lines.append(f"Scene, tracker, game and two more Python nodes share {cores} cores; more would help.")
    return _item("limits", *lines)


def _ms(values: Sequence[float], share: float) -> str:
    return f"{quantile(values, share) * 1e3:.1f} ms"
