"""Compares the frames of test cameras with the results and the counters of a fleet's readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SHORT_OVERLAP = (
    0.25  # seconds between the server noticing an end and the start of the next session, on a busy machine
)


@dataclass(frozen=True)
class Session:
    """A connection to a camera, from its server's point of view."""

    camera: int
    opened: float  # by CLOCK_MONOTONIC, in seconds
    closed: float
    sent: tuple[tuple[int, int], ...]  # ranges of frames, both ends included


@dataclass(frozen=True)
class Result:
    """A result at a reader."""

    camera: int
    epoch: int
    ordinal: int  # within (camera, epoch), as its agent sent it: from 0, without gaps
    frame: int  # the number in the image
    stamp: int  # the camera in the image
    at: float  # by CLOCK_MONOTONIC, in seconds
    # Number of results missing before it in this epoch, as counted by the reader; -1 if not counted.
    dropped: int = -1


@dataclass(frozen=True)
class Finding:
    """A rule that was broken."""

    rule: str
    camera: int | None
    text: str


@dataclass
class Verdict:
    """The findings, and figures about the run."""

    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def fail(self, rule: str, camera: int | None, text: str) -> None:
        """Adds a finding."""
        self.findings.append(Finding(rule, camera, text))


def read_sessions(log: Path, now: float) -> list[Session]:
    """Returns the sessions in a camera server's log. A session that was never closed lasts until `now`."""
    opened: dict[int, tuple[int, float]] = {}
    sessions = []
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["what"] == "opened":
            opened[entry["session"]] = (entry["camera"], entry["at"])
        else:
            camera, since = opened.pop(entry["session"])
            sent = tuple((first, last) for first, last in entry["sent"])
            sessions.append(Session(camera, since, entry["at"], sent))
    sessions += [Session(camera, since, now, ()) for camera, since in opened.values()]
    return sorted(sessions, key=lambda session: session.opened)


def check(
    sessions: Sequence[Session],
    results: Sequence[Result],
    counters: Mapping[str, int],
    exclusive: Iterable[int] = (),
) -> Verdict:
    """Applies every rule.

    Args:
        sessions: Sessions of all cameras, sorted by their start.
        results: In the order in which one reader received them.
        counters: The fleet's own, summed over its outboxes: reported, delivered, outbox_full, expired,
            fenced, lost_with_agent, waiting.
        exclusive: Cameras that may have only one session at a time.

    Returns:
        The broken rules, and the figures of the run.
    """
    verdict = Verdict()
    overlapped = check_overlaps(verdict, sessions, set(exclusive))
    check_results(verdict, results, counters, overlapped)
    _check_origin(verdict, sessions, results)
    return verdict


def check_results(
    verdict: Verdict, results: Sequence[Result], counters: Mapping[str, int], overlapped: set[int]
) -> None:
    """Applies the rules that need no sessions. `overlapped`: cameras whose frames may be in two epochs."""
    _check_once(verdict, results, overlapped)
    _check_order(verdict, results)
    _check_ordinals(verdict, results)
    _check_books(verdict, results, counters)
    _measure_gaps(verdict, results)


def check_overlaps(verdict: Verdict, sessions: Sequence[Session], exclusive: set[int]) -> set[int]:
    """At most one session of an exclusive camera; how long others had two. Which cameras had two."""
    overlapped = set()
    ends: dict[int, float] = {}
    worst_exclusive = others = 0.0
    for session in sessions:
        overlap = min(ends.get(session.camera, session.opened), session.closed) - session.opened
        if overlap > 0:
            overlapped.add(session.camera)
        if overlap > 0 and session.camera in exclusive:
            worst_exclusive = max(worst_exclusive, overlap)
            if overlap > SHORT_OVERLAP:
                verdict.fail(
                    "one session", session.camera, f"two sessions for {overlap:.2f} s at {session.opened:.2f}"
                )
        elif overlap > 0:
            others += overlap
        ends[session.camera] = max(ends.get(session.camera, session.closed), session.closed)
    verdict.figures |= {
        "sessions": len(sessions),
        "longest_overlap_exclusive_seconds": worst_exclusive,
        "overlap_others_seconds": others,
    }
    return overlapped


def _check_once(verdict: Verdict, results: Iterable[Result], overlapped: set[int]) -> None:
    """No ordinal occurs twice, and no frame unless the camera sent it to two sessions, in any epochs."""
    frames: set[tuple[int, int]] = set()
    ordinals: set[tuple[int, int, int]] = set()
    for result in results:
        frame = (result.camera, result.frame)
        if frame in frames and result.camera not in overlapped:
            verdict.fail("once", result.camera, f"frame {result.frame} came twice")
        frames.add(frame)
        ordinal = (result.camera, result.epoch, result.ordinal)
        if ordinal in ordinals:
            verdict.fail("once", result.camera, f"epoch {result.epoch}, ordinal {result.ordinal} came twice")
        ordinals.add(ordinal)


def _check_order(verdict: Verdict, results: Iterable[Result]) -> None:
    """Within an epoch, ordinals and frames increase, and no epoch follows a newer one."""
    last: dict[int, Result] = {}
    for result in results:
        before = last.get(result.camera)
        if before is not None and result.epoch < before.epoch:
            verdict.fail("fence", result.camera, f"epoch {result.epoch} came after epoch {before.epoch}")
            continue
        if before is not None and result.epoch == before.epoch:
            if result.ordinal <= before.ordinal:
                verdict.fail("order", result.camera, f"ordinal {result.ordinal} came after {before.ordinal}")
            if result.frame <= before.frame:
                verdict.fail("order", result.camera, f"frame {result.frame} came after {before.frame}")
        last[result.camera] = result


def _check_ordinals(verdict: Verdict, results: Iterable[Result]) -> None:
    """The ordinals that agents sent match the gaps that the reader counted."""
    last: dict[tuple[int, int], int] = {}
    told = 0
    for result in results:
        run = (result.camera, result.epoch)
        missing = result.ordinal - last.get(run, -1) - 1
        last[run] = result.ordinal
        if result.dropped < 0:
            continue
        told += result.dropped
        if result.dropped != missing:
            verdict.fail(
                "ordinals",
                result.camera,
                f"{missing} results are missing before ordinal {result.ordinal}, {result.dropped} were told",
            )
    verdict.figures["told_as_missing"] = told


def _check_origin(verdict: Verdict, sessions: Iterable[Session], results: Iterable[Result]) -> None:
    """Every frame is one that this camera has sent."""
    sent: dict[int, set[int]] = defaultdict(set)
    frames = 0
    for session in sessions:
        for first, last in session.sent:
            sent[session.camera].update(range(first, last + 1))
            frames += last - first + 1
    got: dict[int, set[int]] = defaultdict(set)
    for result in results:
        if result.stamp != result.camera:
            verdict.fail(
                "origin",
                result.camera,
                f"an image of camera {result.stamp} came as camera {result.camera}'s",
            )
        elif result.frame not in sent[result.camera]:
            verdict.fail("origin", result.camera, f"frame {result.frame} was not sent")
        got[result.camera].add(result.frame)
    verdict.figures |= {"frames_sent": frames, "frames_read": sum(map(len, got.values()))}


def _check_books(verdict: Verdict, results: Sequence[Result], counters: Mapping[str, int]) -> None:
    """The fleet's counters add up, and agree with the results and the missing ordinals."""
    causes = ("outbox_full", "expired", "fenced", "lost_with_agent", "waiting")
    explained = counters["delivered"] + sum(counters[cause] for cause in causes)
    if counters["reported"] != explained:
        verdict.fail(
            "books",
            None,
            f"{counters['reported']} results were reported, {explained} are explained: {dict(counters)}",
        )
    if counters["delivered"] != len(results):
        verdict.fail(
            "books", None, f"{counters['delivered']} results count as delivered, {len(results)} were read"
        )
    newest: dict[tuple[int, int], int] = {}
    for result in results:
        key = (result.camera, result.epoch)
        newest[key] = max(newest.get(key, -1), result.ordinal)
    missing = sum(ordinal + 1 for ordinal in newest.values()) - len(results)
    lost = sum(counters[cause] for cause in causes[:4])
    if missing > lost:
        verdict.fail(
            "books", None, f"{missing} results are missing between others, {lost} are counted as lost"
        )
    verdict.figures |= {"results": len(results), "missing_between_others": missing, "counted_lost": lost}


def _measure_gaps(verdict: Verdict, results: Iterable[Result]) -> None:
    """Measures the longest wait of a camera's readers, and how long changes of epochs took."""
    last: dict[int, Result] = {}
    longest = 0.0
    changes = []
    for result in results:
        before = last.get(result.camera)
        if before is not None:
            longest = max(longest, result.at - before.at)
            if result.epoch != before.epoch:
                changes.append(result.at - before.at)
        last[result.camera] = result
    changes.sort()
    verdict.figures |= {
        "longest_gap_seconds": longest,
        "epoch_changes": len(changes),
        "epoch_change_p50_seconds": changes[len(changes) // 2] if changes else 0.0,
        "epoch_change_max_seconds": changes[-1] if changes else 0.0,
    }
