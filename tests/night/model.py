"""The model of a random pipeline: each sample comes once and in order, or is counted as dropped."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import freshframe as ff
from night.program import IN_WORKERS, READERS, SINKS, SOURCES, Program, Step
from night.run import Outcome
from night.steps import Take, Token, joined, results

UNSEEN = ("tracker", *IN_WORKERS, "look")  # steps that note nothing
UNKNOWN = 10_000  # numbers of a camera that may have come
AFTERWARDS = ("lines", "spool", "record", "copy")  # sinks whose takes are those that they have written


@dataclass
class Flow:
    """The values that a step gives, in their order within each source.

    Attributes:
        tokens: In order. Where they are not all known: the tokens that it may have given.
        exact: It gave all of these.
    """

    tokens: list[Token]
    exact: bool


def check(program: Program, outcome: Outcome) -> list[str]:
    """Compares a run with its model.

    Returns:
        A sentence for each thing that is wrong.
    """
    return _Check(program, outcome).all()


def _of_sources(tokens: Iterable[Token]) -> dict[str, list[Token]]:
    found: dict[str, list[Token]] = defaultdict(list)
    for token in tokens:
        found[token[0]].append(token)
    return found


def _is_part_of(taken: Sequence[Token], offered: Sequence[Token]) -> bool:
    """Whether all of the first are in the second, in its order."""
    left = iter(offered)
    return all(token in left for token in taken)


def _results(step: Step, token: Token) -> list[Token]:
    """None if the step fails."""
    try:
        return results(step, token)
    except ValueError:
        return []


class _Check:
    """One comparison."""

    def __init__(self, program: Program, outcome: Outcome) -> None:
        self.program, self.outcome = program, outcome
        self.found: list[str] = [*outcome.findings, *outcome.log.wrong]
        self.flows: dict[str, Flow] = {}
        done = {(change.verb, change.step) for change in outcome.changed}
        asked = [change for change in program.changes if change.verb in ("remove", "drain")]
        self.gone = program.taken_along({change.step for change in asked})
        self.removed = {one.step for one in asked if one.verb == "remove"} & {
            step.name for step in program.steps if step.kind in SOURCES
        }
        leaving = [step.name for step in program.steps if step.kind == "leaves"]
        self.may_leave = program.taken_along(leaving)
        self.added = program.changed_by("add")
        self.never = {step for step in self.added if ("add", step) not in done}
        self.closed = program.changed_by("close")
        self.moved = {(one.parent, one.step) for one in program.changes if one.parent}
        self.edges = {(edge.parent, edge.child): edge for edge in outcome.stats.edges}

    def wrong(self, text: str) -> None:
        self.found.append(text)

    def all(self) -> list[str]:
        self._failure()
        for step in self.program.steps:
            if step.name in self.never:
                self.flows[step.name] = Flow([], exact=False)
            elif step.kind in ("camera", "packets"):
                (source,) = step.sources
                self.flows[step.name] = Flow([(source, number, ()) for number in range(UNKNOWN)], exact=False)
            elif step.kind in SOURCES:
                self.flows[step.name] = self._source(step)
            else:
                self._node(step)
        self._totals()
        self._calls()
        self._complete()
        return self.found

    def _failure(self) -> None:
        failure, fails = self.outcome.failure, [s for s in self.program.steps if s.kind == "fails"]
        took = any(token[1] >= step.at for step in fails for token, _ in self.outcome.log.takes[step.name])
        logged = any(step.name in line for step in fails for line in self.outcome.errors)
        if took and failure is None and not (logged and fails[0].name in self.may_leave):
            self.wrong("a node failed and no NodeError was raised")
        if failure is not None and not took:
            self.wrong(f"a run without a failure raised {failure!r}")
        if failure is not None and fails and fails[0].name not in str(failure):
            self.wrong(f"the error does not name {fails[0].name}: {failure}")
        if self.outcome.errors and not self.may_leave and not fails:
            self.wrong(f"the log has errors: {self.outcome.errors}")

    def _source(self, step: Step) -> Flow:
        stats = self.outcome.stats.nodes.get(step.name)
        whole = self.natural and step.name not in self.gone | self.may_leave
        count = step.count
        if step.gives == "tokens" or step.kind == "pictures":
            emitted = self.outcome.log.emitted[step.name]
            if whole and emitted != count:
                self.wrong(f"{step.name} was asked for {emitted} of {count} samples")
            count = min(count, emitted + 1)  # the last may be on its way when it ends
        if stats is not None and whole and stats.processed != step.count:
            self.wrong(f"{step.name} counts {stats.processed} samples, and gave {step.count}")
        return Flow([(step.name, number, ()) for number in range(count)], exact=whole)

    @property
    def natural(self) -> bool:
        return self.program.ending == "natural" and self.outcome.failure is None

    def _node(self, step: Step) -> None:
        """The edges, then the output."""
        takes = [take for take in self.outcome.log.takes[step.name]]
        seen = step.kind not in UNSEEN
        exact = seen
        candidates: list[Token] = []
        for number, parent in enumerate(step.parents):
            offered = self.flows[parent]
            if step.only is not None:
                kept = [token for token in offered.tokens if token[0] == step.only]
                offered = Flow(kept, offered.exact)
            if step.kind == "join":
                taken = [Take(take.token[number]) for take in takes]
            elif len(step.parents) == 1:
                taken = takes
            else:
                sources = self.program.step(parent).sources
                taken = [take for take in takes if take.token[0] in sources]
            edge = self.edges.get((parent, step.name)) or self.outcome.gone.get((parent, step.name))
            moves = {parent, step.name} & (self.gone | self.may_leave | self.closed)
            if edge is not None or not (moves or (parent, step.name) in self.moved):
                self._edge(step, offered, taken if seen else None, edge)
            elif seen:
                self._order(step, offered, [take.token for take in taken])
            candidates += offered.tokens
            if not seen:
                exact = (
                    self.natural
                    and offered.exact
                    and self.program.is_lossless(step, parent)
                    and not self._moves(step, parent)
                )
        if step.kind in SINKS:
            return
        if seen:
            self.flows[step.name] = Flow(
                self._given(step, [take.token for take in takes]), self._settled(step)
            )
            self._processed(step, len(takes))
        elif step.kind == "tracker":
            self.flows[step.name] = Flow(candidates, exact)
        else:
            self.flows[step.name] = Flow(self._given(step, candidates), exact)

    def _given(self, step: Step, tokens: list[Token]) -> list[Token]:
        if step.kind == "join":
            return [joined(step, token) for token in tokens]
        return [given for token in tokens for given in _results(step, token)]

    def _settled(self, step: Step) -> bool:
        """Whether it has given all results of what it took, and they go on."""
        loses = self._loses_last_results(step)
        return self.natural and step.name not in self.gone | self.may_leave and not loses

    def _moves(self, step: Step, parent: str) -> bool:
        """Whether the edge from this parent is not there for the whole run."""
        moved = (parent, step.name) in self.moved
        return moved or step.name in self.added | self.gone | self.may_leave | self.closed

    def _processed(self, step: Step, taken: int) -> None:
        stats = self.outcome.stats.nodes.get(step.name)
        if stats is None or not self._settled(step) or step.kind == "join":
            return
        if stats.processed != taken:
            self.wrong(f"{step.name} counts {stats.processed} samples, and took {taken}")
        if step.kind == "skip":
            errors = sum(token[1] % 7 == 3 for token, _ in self.outcome.log.takes[step.name])
            if (stats.errors, stats.drops.get("error", 0)) != (errors, errors):
                self.wrong(f"{step.name} counts {stats.errors} errors, {stats.drops}, and raised {errors}")
        if (
            step.kind in ("batch", "batch_node")
            and sum(size * calls for size, calls in stats.batches.items()) != taken
        ):
            self.wrong(f"{step.name} counts batches {stats.batches}, and took {taken}")

    # ---- an edge

    def _edge(
        self, step: Step, offered: Flow, takes: list[Take] | None, edge: ff.stats.EdgeStats | None
    ) -> None:
        taken = None if takes is None else [take.token for take in takes]
        if taken is not None:
            self._order(step, offered, taken)
        if edge is None:
            self.wrong(f"{step.name} has no edge in the statistics")
            return
        where = f"{edge.parent} to {edge.child}"
        if step.kind != "join" and not self._has_its_queue(step, edge):
            self.wrong(f"{where}: has another queue than {step.queue}: {edge}")
        if edge.passed_in != edge.delivered + edge.dropped + edge.waiting or edge.waiting:
            self.wrong(f"{where} does not balance: {edge}")
        if edge.dropped != sum(edge.drops.values()):
            self.wrong(f"{where}: {edge.dropped} drops are not the sum of {edge.drops}")
        if odd := set(edge.drops) - self._causes(step, edge):
            self.wrong(f"{where}: dropped as {odd}, which cannot happen there: {edge}")
        if edge.passed_in > len(offered.tokens):
            self.wrong(f"{where}: {edge.passed_in} passed in of {len(offered.tokens)} given: {edge}")
        exact = offered.exact and self.natural and not self._moves(step, edge.parent)
        if exact and edge.passed_in != len(offered.tokens):
            self.wrong(f"{where}: {edge.passed_in} passed in, {len(offered.tokens)} were given: {edge}")
        if takes is not None:
            self._counts(step, offered, takes, edge)

    def _has_its_queue(self, step: Step, edge: ff.stats.EdgeStats) -> bool:
        """The wanted queue, or the default of its place."""
        if step.queue is not None:
            return edge.queue == step.queue
        if not self.program.is_live(edge.parent):
            return edge.queue.when_full == "block"
        recorded = step.kind in AFTERWARDS or self.program.step(edge.parent).kind == "packets"
        return edge.queue == (ff.RECORDING if recorded else ff.LATEST)

    def _causes(self, step: Step, edge: ff.stats.EdgeStats) -> set[str]:
        """The tokens that this edge may have."""
        queue = edge.queue
        causes: set[str] = set()
        if queue.depth == 0:
            causes.add("no_waiter")
        elif queue.when_full != "block":
            causes.add("queue_full")
        if step.kind == "latest":
            causes.add("skipped")
        if step.max_age is not None:
            causes.add("stale")
        if step.max_rate is not None:
            causes.add("rate")
        if step.kind == "join" and (not self.natural or self._may_lose(step)):
            causes.add("unmatched")
        if not self.natural or step.name in self.closed:
            causes.add("stop")
        if self.may_leave or self.moved or self._drops_at_removal():
            causes.add("removed")
        return causes

    def _drops_at_removal(self) -> bool:
        """Whether a removal drops samples."""
        asked = any(change.verb == "remove" for change in self.program.changes)
        loses = any(map(self._loses_last_results, self.program.steps))
        return bool(self.gone) and (asked or loses)

    def _loses_last_results(self, step: Step) -> bool:
        """Whether it stays, as or below a merge, and has last results of a source that was removed before."""
        stays = any(self.program.step(name).listed for name in [step.name, *self._above(step)])
        return step.kind == "late" and stays and bool(self.gone & step.sources)

    def _order(self, step: Step, offered: Flow, taken: list[Token]) -> None:
        """Nothing twice, nothing that was not given, and in order."""
        given = _of_sources(offered.tokens)
        for source, tokens in _of_sources(taken).items():
            if not _is_part_of(tokens, given[source]):
                self.wrong(f"{step.name} took {tokens} of {source}; it was given {given[source]}")

    def _above(self, step: Step) -> list[str]:
        return [*step.parents, *(name for p in step.parents for name in self._above(self.program.step(p)))]

    def _counts(self, step: Step, offered: Flow, takes: list[Take], edge: ff.stats.EdgeStats) -> None:
        where = f"{edge.parent} to {edge.child}"
        written = step.kind in AFTERWARDS and not self.natural
        if len(takes) != edge.delivered and not written:
            self.wrong(f"{where}: {edge.delivered} delivered, and {len(takes)} were taken: {edge}")
        told = [take.dropped for take in takes if take.dropped is not None]
        if told and sum(told) > edge.dropped:
            self.wrong(f"{where}: its samples tell of {sum(told)} drops: {edge}")
        if step.max_age is not None:
            old = [token for token in offered.tokens if self._is_old(token)]
            if edge.drops.get("stale", 0) > len(old):
                self.wrong(f"{where}: {edge.drops} of {len(old)} samples that were old")
            if any(self._is_old(take.token) for take in takes):
                self.wrong(f"{where}: an old sample passed max_age")
        if not self.natural or self._moves(step, edge.parent) or not offered.exact:
            return
        if step.max_rate is not None:
            self._rate(where, offered, takes)
        elif self.program.is_lossless(step, edge.parent) and not self._may_lose(step):
            self._lossless(where, offered, takes, edge)
        elif self._keeps_newest(step, edge):
            self._newest(step, offered, takes, edge)

    def _lossless(self, where: str, offered: Flow, takes: list[Take], edge: ff.stats.EdgeStats) -> None:
        """All come, but what waited of a source that was removed."""
        want = [token for token in offered.tokens if token[0] not in self.removed]
        got = [take for take in takes if take.token[0] not in self.removed]
        waited = edge.drops.get("removed", 0) if self.removed else 0
        if edge.dropped != waited or len(got) != len(want):
            self.wrong(f"{where}: {len(got)} of {len(want)} came through a queue that blocks: {edge}")

    def _may_lose(self, step: Step) -> bool:
        """Sets of a join whose other parent has lost samples, or did not get all of them."""
        moved = {child for _, child in self.moved} & set(self._above(step))
        return step.kind == "join" and bool(self.gone | self.may_leave | moved)

    def _is_old(self, token: Token) -> bool:
        return bool(token[1] < self.program.step(token[0]).old)

    def _rate(self, where: str, offered: Flow, takes: list[Take]) -> None:
        want = [token for token in offered.tokens if token[1] % 5 == 0]
        if [take.token for take in takes] != want:
            self.wrong(f"{where}: {takes} passed at the rate of every fifth")

    def _keeps_newest(self, step: Step, edge: ff.stats.EdgeStats) -> bool:
        queue = edge.queue
        return queue.depth > 0 and queue.when_full == "drop_oldest" and step.max_age is None

    def _newest(self, step: Step, offered: Flow, takes: list[Take], edge: ff.stats.EdgeStats) -> None:
        """The last sample of each source passes, and samples show all drops."""
        taken = _of_sources(take.token for take in takes)
        for source, tokens in _of_sources(offered.tokens).items():
            if source not in self.removed and (source not in taken or taken[source][-1] != tokens[-1]):
                self.wrong(f"{step.name}: the newest of {source} did not pass a queue that drops the oldest")
        told = [take.dropped for take in takes if take.dropped is not None]
        if len(told) == len(takes) and sum(told) != edge.dropped and not self.removed & step.sources:
            self.wrong(f"{step.name}: its samples tell of {sum(told)} drops: {edge}")

    # ---- the whole

    def _totals(self) -> None:
        removed = self.outcome.stats.removed
        if removed.passed_in != removed.delivered + removed.dropped:
            self.wrong(f"the totals of removed edges do not balance: {removed}")
        if removed.dropped != sum(removed.drops.values()):
            self.wrong(f"the drops of removed edges are not the sum of their causes: {removed}")
        if not self.may_leave and self.outcome.failure is None:
            gone = sum(e.passed_in for key, e in self.outcome.gone.items() if key not in self.edges)
            # At the next add(), also edges of a drain into merges that stay. disconnect() returns no counts.
            drained = any(step.listed and self.gone & {*step.parents} for step in self.program.steps)
            forgotten = self.moved or drained or any(edge not in self.edges for edge in self._closed_edges())
            if removed.passed_in < gone or (removed.passed_in > gone and not forgotten):
                self.wrong(f"{gone} samples came to edges that were removed; the totals say {removed}")

    def _closed_edges(self) -> list[tuple[str, str]]:
        return [
            (p, step.name) for step in self.program.steps if step.name in self.closed for p in step.parents
        ]

    def _calls(self) -> None:
        """Each node: opened once, then its samples on one thread, finished and closed once."""
        for step, calls in self.outcome.log.calls.items():
            last = calls[-1][0]
            for node in {call[0] for call in calls}:
                names = [name for each, name, _ in calls if each == node]
                order = [name for name in names if name != "process"]
                failed = self.outcome.failure is not None or step in self.may_leave
                ends = ["finish", "close"] if step.startswith("late") else ["close"]
                wanted = [["open", *ends]] if node == last else [["open", "close"]]
                if failed or step in self.gone or any(one.step == step for one in self.program.changes):
                    wanted += [["open", "close"], ["open", "finish", "close"]]
                if order not in wanted or names[0] != "open" or names[-1] != "close":
                    self.wrong(f"{step} was called in this order: {order}")
                if len({thread for each, name, thread in calls if each == node and name == "process"}) > 1:
                    self.wrong(f"{step} was called on several threads")

    def _complete(self) -> None:
        complete, stats = self.outcome.complete, self.outcome.stats
        if complete is None or self.outcome.changed or self.may_leave:
            return
        lost = sum(e.dropped - e.drops.get("rate", 0) for e in stats.edges)
        lost += sum(node.dropped for node in stats.nodes.values())
        if complete != (lost == 0):
            self.wrong(f"the report says complete={complete} and {lost} samples were lost")


__all__ = ["READERS", "check"]
