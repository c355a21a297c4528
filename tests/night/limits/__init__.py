"""Programs at their limits, beside each other: each keeps the book of one bound that the docs name.

A bound is seldom reached: a merge of 70 sources, a worker that dies again and again, a receiver that stays
away for the second time. The engine's behaviour there is compared with a rule of the program's own.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

from night.limits import (
    awaited,
    changing,
    events,
    fleet_memory,
    fleets,
    gil,
    graph,
    log,
    network,
    outages,
    page,
    recordings,
    segments,
    tracks,
    workers,
)
from night.limits.rule import Program
from night.own_process import log_to

# Programs with workers come apart: while there are some, pictures are not in the memory that is kept for
# reuse.
_GROUPS: tuple[tuple[Program, ...], ...] = (
    (
        graph.many_sources,
        graph.seconds_of_a_queue,
        graph.removals,
        network.reminders_of_a_receiver,
        network.reminders_of_a_camera,
        page.questions,
        page.watching,
        page.codecs,
        graph.kept_memory,
        graph.totals,
        network.tries_of_a_spool,
        network.tries_of_a_camera,
        awaited.awaited_samples,
        network.publishing,
        network.lost_packets,
    ),
    (
        recordings.outages,
        recordings.changes_of_a_size,
        recordings.changes_of_a_camera,
        fleets.readers_of_a_fleet,
        fleets.cameras_that_fail,
        fleet_memory.memory_of_a_fleet,
        graph.changes,
        changing.holders,
        changing.changes_at_once,
        changing.workers_that_die,
        changing.shortage,
    ),
    (
        workers.restarts,
        workers.busy_workers,
        workers.leases_of_the_dead,
        workers.bursts,
        workers.frames_for_workers,
        tracks.counted_tracks,
        tracks.classified_tracks,
        tracks.tracks_that_stay,
        gil.recent_stalls,
        gil.thread_names,
        log.kinds_of_lines,
    ),
    (
        outages.replaced_in_an_outage,
        outages.publish_to_a_stream,
        outages.silent_teardowns,
        outages.healthz_outages,
        events.counted_events,
        events.late_changes,
        page.pictures_that_cannot_be,
        tracks.new_names,
        gil.stalls_without_room,
        segments.deleted_segments,
    ),
)
_LATE = 20.0  # seconds for which programs may go on after their time
_MOST = 3  # findings of a program that are reported


def _first(program: str, texts: list[str]) -> list[str]:
    """The first findings of a program, and how many more there are."""
    found = [f"{program}: {text}" for text in texts[:_MOST]]
    if len(texts) > _MOST:
        found[-1] += f" (and {len(texts) - _MOST} more)"
    return found


def limits(seconds: float) -> tuple[int, list[str], dict[str, float]]:
    """The programs of a group beside each other, group after group.

    Returns:
        How often a rule was tried, findings, figures.
    """
    found = {program.__name__: list[str]() for group in _GROUPS for program in group}
    figures = dict[str, float]()
    length = max(seconds / len(_GROUPS) - _LATE, seconds / len(_GROUPS) / 2)

    def run(program: Program) -> None:
        name = program.__name__
        try:
            figures[name] = program(length, found[name].append)
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            found[name].append(f"raised {error!r}")

    with log_to(logging.NullHandler()):
        for group in _GROUPS:
            with ThreadPoolExecutor(len(group)) as pool:
                list(pool.map(run, group))
    told = [finding for name, texts in found.items() for finding in _first(name, texts)]
    return int(sum(figures.values())), told, figures
