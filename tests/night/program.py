"""Random pipelines as data: the steps, the changes while they run, and the end, all of one seed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

import freshframe as ff

Ending = Literal["natural", "stop", "fail"]
Gives = Literal["tokens", "frames", "packets", "circles"]

SOURCES = ("numbers", "live", "pictures", "clip", "demo", "camera")
READERS = ("for", "get", "poll", "latest", "async")
SINKS = (*READERS, "collect", "lines", "spool", "record", "copy", "look")
IN_WORKERS = ("workers", "workers_several")
SEVERAL = ("several", "workers_several")  # nodes with several results for a sample
RATE = 25.0  # samples per second of a source's own time
LIMITED = 5.0  # samples per second after max_rate


@dataclass(frozen=True)
class Step:
    """A source, a node, a sink or a reader.

    Attributes:
        name: Of the node.
        kind: One of SOURCES or SINKS, "packets" (the port of a camera's), or of the nodes in `steps.py`.
        parents: Names. Of several sources together, unless it is a join.
        listed: It is added with a list of them, also of one.
        sources: Names of the sources whose samples reach it.
        gives: The type of its values.
        live: A live source can reach it.
        queue: Of each edge into it; None means the default.
        only: The source to which its edge is limited by ``port.of()``.
        max_age: Of each edge into it.
        max_rate: Of the edge into it.
        count: Samples of a source.
        old: That many first samples of a source were captured 100 seconds ago.
        size: Of its batches; of its workers.
        slow: A call takes a moment now and then.
        at: The sample at which it fails.
    """

    name: str
    kind: str
    parents: tuple[str, ...] = ()
    listed: bool = False
    sources: frozenset[str] = frozenset()
    gives: Gives = "tokens"
    live: bool = False
    queue: ff.Queue | None = None
    only: str | None = None
    max_age: float | None = None
    max_rate: float | None = None
    count: int = 0
    old: int = 0
    size: int = 1
    slow: bool = False
    at: int = 0

    def lossless(self, *, live: bool) -> bool:
        """Whether an edge into it, which a live source can reach or not, drops nothing by itself."""
        if self.max_age is not None or self.max_rate is not None:
            return False
        return not live if self.queue is None else self.queue.when_full == "block"


@dataclass(frozen=True)
class Change:
    """A change of a step while the pipeline runs; `parent`: the parent that it gets or loses."""

    name: str
    verb: Literal["add", "replace", "remove", "drain", "close", "disconnect", "connect"]
    step: str
    parent: str = ""


@dataclass(frozen=True)
class Program:
    """A pipeline and what happens to it.

    Attributes:
        seed: The number from which it was made.
        steps: Parents before children.
        changes: In their order.
        ending: "natural": with the sources. "stop": by stop(). "fail": by an exception of a node.
        pause: Seconds that a source waits after every fourth sample.
    """

    seed: int
    steps: tuple[Step, ...]
    changes: tuple[Change, ...] = ()
    ending: Ending = "natural"
    pause: float = 0.0
    removed_names: frozenset[str] = field(default=frozenset(), compare=False)

    def step(self, name: str) -> Step:
        """The step of this name."""
        return next(step for step in self.steps if step.name == name)

    def is_lossless(self, step: Step, parent: str) -> bool:
        """Whether the edge from this parent drops nothing by itself."""
        return step.lossless(live=self.is_live(parent))

    def is_live(self, name: str) -> bool:
        """Whether a live source is above this step, also one whose samples ``of()`` leaves out."""
        step = self.step(name)
        return step.live if not step.parents else any(map(self.is_live, step.parents))

    def changed_by(self, *verbs: str) -> set[str]:
        """The names of the steps that such a change is about."""
        return {change.step for change in self.changes if change.verb in verbs}

    def late_parents(self, step: Step) -> set[str]:
        """The parents that are connected while it runs, unless it would begin with none."""
        late = {one.parent for one in self.changes if (one.verb, one.step) == ("connect", step.name)}
        return late if {*step.parents} - late else set()

    def taken_along(self, names: Collection[str]) -> set[str]:
        """These steps and the steps that go when they are removed, or that are added after them."""
        gone = set(names)
        for step in self.steps:
            lost = gone & {*step.parents}
            if step.only in gone or (lost and (step.kind == "join" or len(lost) == len(step.parents))):
                gone.add(step.name)
        return gone

    def without(self, names: Collection[str]) -> Program:
        """The same program without these steps, what is below them alone, and these changes."""
        gone = self.taken_along(set(names) & {step.name for step in self.steps})
        steps = []
        for step in self.steps:
            if step.name not in gone:
                parents = tuple(parent for parent in step.parents if parent not in gone)
                steps.append(dataclasses.replace(step, parents=parents))
        left = {step.name for step in steps} | {""}
        changes = tuple(
            one for one in self.changes if one.name not in names and {one.step, one.parent} <= left
        )
        ending = self.ending
        if ending == "fail" and not any(step.kind == "fails" for step in steps):
            ending = "natural"
        removed = self.removed_names | frozenset(names)
        return dataclasses.replace(
            self, steps=tuple(steps), changes=changes, ending=ending, removed_names=removed
        )

    def __str__(self) -> str:
        """A line for each step and each change."""
        lines = [f"seed {self.seed}, ending {self.ending}, pause {self.pause}"]
        for step in self.steps:
            given = [
                f"{each.name}={getattr(step, each.name)!r}"
                for each in dataclasses.fields(step)
                if each.name not in ("name", "kind", "sources", "gives", "live")
                and getattr(step, each.name) != each.default
            ]
            lines.append(f"  {step.name}: {step.kind} {' '.join(given)}")
        lines += [f"  {one.name}: {one.verb} {one.step} {one.parent}".rstrip() for one in self.changes]
        return "\n".join(lines)


_VERBS = [
    "add",
    "add",
    "replace",
    "replace",
    "remove",
    "close",
    "drain",
    "disconnect",
    "disconnect",
    "connect",
]
_MAY = {  # kinds of steps
    "add": ("plain", "node", "filter", "collect", "for", "get", "lines"),
    "replace": ("plain", "node", "filter", "several", "collect", "camera", "tracker"),
    "remove": ("plain", "node", "filter", "several", "batch", "collect", "tracker", "numbers", "live"),
    "drain": ("numbers", "live", "pictures", "camera"),
    "close": READERS,
}


class _Maker:
    """Chooses step after step."""

    def __init__(self, seed: int, rare: float) -> None:
        self.chance = random.Random(seed)
        self.steps: list[Step] = []
        self.rare = rare

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.steps)}"

    def queue(self, parents: list[Step], *, live: bool, batch: int) -> ff.Queue | None:
        """A queue that the engine accepts there, or None for the default."""
        merge = len(parents) > 1
        if parents[0].gives == "packets":  # queues that drop older samples are refused there
            return None
        below_camera = any(parent.live and parent.kind in SOURCES for parent in parents)
        depth = self.chance.choice([1, 2, 3, 8])
        most = self.chance.choice([0.001, 1.0])
        choices: list[ff.Queue | None] = [
            None,
            ff.LATEST,
            ff.Queue(depth),
            ff.Queue(depth, "drop_newest"),
            ff.Queue(depth, self.chance.choice(["drop_oldest", "drop_newest"]), max_seconds=most),
            ff.RECORDING,
        ]
        if not merge and batch == 1:
            choices.append(ff.NEXT)
        if not below_camera:
            choices += [ff.LOSSLESS, ff.Queue(depth, "block")]
        if not live:  # files lose nothing as a rule: there the whole result is known
            choices += [None] * 8
        return self.chance.choice(choices)

    def source(self, *, many: bool) -> None:
        kind = self.chance.choices(SOURCES, (6, 4, 3, 1, 1, 0))[0]
        if many and self.often(10 * self.rare):
            kind = "camera"  # takes a tenth of a second
        live = kind in ("live", "camera") or (kind == "pictures" and self.often(0.3))
        count = self.chance.choice([0, 1, 2, 5, 20, 40, 80])
        if kind in ("clip", "demo"):
            count = 20
        elif many:
            count = 100_000
        name = self.name(kind)
        self.steps.append(
            Step(
                name,
                kind,
                sources=frozenset([name]),
                gives="tokens" if kind in ("numbers", "live") else "frames",
                live=live,
                count=count,
                old=self.chance.choice([0, 0, 3, 10]) if live and kind != "camera" else 0,
            )
        )
        if kind == "camera" and self.often(0.6):
            port = f"{name}.packets"
            own = frozenset([port])  # their numbers are their own
            self.steps.append(Step(port, "packets", (name,), sources=own, gives="packets", live=True))

    def below(self, kind: str, parents: list[Step], **options: Any) -> None:
        """Adds a step with a queue that suits it."""
        merge, batch = len(parents) > 1, options.get("size", 1)
        sources = frozenset[str]().union(*(parent.sources for parent in parents))
        only = None
        if len(sources) > 1 and not merge and self.often(0.5):
            only = self.chance.choice(sorted(name for name in sources if not name.startswith("late")))
            sources = frozenset([only])
        lives = [parent.live for parent in parents]
        live = any(lives)
        queue = self.queue(parents, live=live, batch=batch)
        (first, *_) = parents
        if kind == "latest" and (
            queue is None or queue.when_full == "block" or queue.depth == 0 or first.kind in SEVERAL
        ):
            queue = ff.LATEST
        if kind in ("poll", "look") and queue is not None and queue.depth == 0:
            queue = ff.LATEST
        if queue is None and any(parent.kind in SEVERAL for parent in parents):
            # It stands also below a camera, where the default is another one.
            queue = ff.Queue(self.chance.choice([2, 16]), "block")
            if any(parent.kind in SOURCES and parent.live for parent in parents):
                queue = ff.Queue(16)
        if kind == "late":
            sources |= {self.name(kind)}  # results of finish() may be a separate stream
        pure = not merge and first.kind in ("numbers", "pictures", "clip") and not live
        lossless = queue is None or queue.when_full == "block"
        limited = pure and lossless and kind not in ("join", "record") and self.often(0.1)
        aged = (
            all(lives)
            and (only is None or self._is_live([only]))
            and kind not in ("join", *IN_WORKERS, *READERS)
            and first.gives != "packets"
            and self.often(0.3)
        )
        self.steps.append(
            Step(
                self.name(kind),
                kind,
                tuple(parent.name for parent in parents),
                merge or (kind not in READERS and self.often(0.2)),
                sources,
                gives="circles" if kind == "tracker" else "tokens",
                live=live,
                queue=queue,
                only=only,
                max_age=50.0 if aged else None,
                max_rate=LIMITED if limited else None,
                slow=self.often(0.2),
                **options,
            )
        )

    def _is_live(self, sources: Collection[str]) -> bool:
        return any(step.live for step in self.steps if step.name in sources and not step.parents)

    def parents(self) -> list[Step]:
        """For a merge: steps of tokens without a source in common. Otherwise one step."""
        among = [step for step in self.steps if step.kind not in SINKS]
        chosen = [self.chance.choice(among)]
        while self.often(0.25):
            taken = frozenset[str]().union(*(step.sources for step in chosen))
            others = [step for step in among if not step.sources & taken and step.gives == chosen[0].gives]
            if not others:
                break
            chosen.append(self.chance.choice(others))
        return chosen

    def node(self) -> None:
        parents = self.parents()
        gives = parents[0].gives
        if gives == "packets":
            kinds = ["node"]
        elif gives != "tokens":
            kinds = ["node", "node", "batch_node", *["tracker"] * (gives == "frames" and len(parents) == 1)]
        else:
            kinds = ["plain", "node", "filter", "several", "batch", "batch_node", "skip", "late", "leaves"]
        kind = self.chance.choice(kinds)
        if gives == "tokens" and len(parents) == 1 and self.often(self.rare):
            kind = self.chance.choice(IN_WORKERS)
        options: dict[str, Any] = {}
        if kind in ("batch", "batch_node"):
            options["size"] = self.chance.choice([1, 2, 3, 8])
        if kind in IN_WORKERS:
            options["size"] = self.chance.choice([1, 2])
        if kind == "leaves":
            options["at"] = self.chance.choice([1, 5, 10**6])
        self.below(kind, parents, **options)

    def join(self) -> None:
        """Two branches of one source, which give a result for each sample, come together by their numbers."""
        among = [
            step
            for step in self.steps
            if len(step.sources) == 1
            and step.gives == "tokens"
            and not step.live
            and step.kind in ("numbers", "plain", "node", "batch", "batch_node")
            and self._whole(step)
        ]
        pairs = [
            [one, other]
            for one in among
            for other in among
            if one is not other and one.sources == other.sources
        ]
        if pairs:
            one, other = self.chance.choice(pairs)
            name = self.name("join")
            parents = (one.name, other.name)
            self.steps.append(Step(name, "join", parents, sources=one.sources, slow=self.often(0.2)))

    def _whole(self, step: Step) -> bool:
        """Whether it gives one result for each sample of its source."""
        if step.kind in SOURCES:
            return True
        by_name = {each.name: each for each in self.steps}
        return (
            step.lossless(live=step.live)
            and step.kind in ("plain", "node", "batch", "batch_node")
            and all(self._whole(by_name[parent]) for parent in step.parents)
        )

    def sink(self, parents: list[Step]) -> None:
        kinds = [*READERS, "for", "for", "collect"]
        if parents[0].gives == "tokens" and self.often(0.2):
            kinds = ["lines", "lines", "lines", "spool"]
        painted = parents[0].gives == "frames" and parents[0].kind != "demo"
        if painted and len(parents[0].sources) == 1 and self.often(0.3):
            kinds = ["record", "record", "look"]
        if parents[0].gives == "packets":
            kinds = ["for", "get", "poll", "collect", "copy", "copy", "look", "look"]
        kind = self.chance.choice(kinds)
        if kind == "latest" and not parents[0].live:
            kind = "get"
        if kind in ("record", "copy", "look"):
            parents = parents[:1]
        self.below(kind, parents)

    def changes(self, ending: Ending) -> list[Change]:
        if ending == "fail" or not self.often(0.35):
            return []
        made: list[Change] = []
        named: set[str] = set()
        for number in range(self.chance.randint(1, 3)):
            verb: Any = self.chance.choice(_VERBS)
            steps = [step for step in self.steps if step.name not in named and self._may(verb, step)]
            if steps:
                step = self.chance.choice(steps)
                named.add(step.name)
                parent = self.chance.choice(step.parents) if "connect" in verb else ""
                made.append(Change(f"change{number}", verb, step.name, parent))
        return made

    def _may(self, verb: str, step: Step) -> bool:
        if verb == "add":
            return step.kind in _MAY[verb] and not any(step.name in each.parents for each in self.steps)
        if verb == "disconnect":
            return step.listed
        if verb == "connect":  # a merge of several, whose samples nothing below needs from the start
            parents = [each for each in self.steps if each.name in step.parents]
            named = any(each.only in step.sources for each in self.steps)
            alike = len({parent.live for parent in parents}) == 1
            return len(parents) > 1 and step.listed and alike and not named
        recorded = any(each.kind == "packets" and step.name in each.parents for each in self.steps)
        return step.kind in _MAY[verb] and not (verb == "replace" and recorded)


def of_seed(seed: int, *, rare: float = 0.02) -> Program:
    """The program of this seed.

    Args:
        seed: Any number.
        rare: The share of nodes that run in worker processes, which take half a second each.
    """
    maker = _Maker(seed, rare)
    ending: Ending = maker.chance.choices(("natural", "stop", "fail"), (75, 15, 10))[0]
    for _ in range(maker.chance.choices((1, 2, 3), (6, 3, 1))[0]):
        maker.source(many=ending == "stop")
    for _ in range(maker.chance.randint(0, 6)):
        if maker.often(0.12):
            maker.join()
        else:
            maker.node()
    if ending == "fail":
        among = [step for step in maker.steps if step.gives == "tokens"]
        if among:
            at = maker.chance.choice([0, 1, 7])
            maker.below("fails", [maker.chance.choice(among)], at=at)
        else:
            ending = "natural"
    for step in list(maker.steps):
        if not any(step.name in each.parents for each in maker.steps):
            maker.sink([step])
    if maker.often(0.5):
        maker.sink([maker.chance.choice([step for step in maker.steps if step.kind not in SINKS])])
    changes = maker.changes(ending)
    pause = maker.chance.choice([0.0002, 0.0005]) if changes or ending == "stop" else 0.0
    return Program(seed, tuple(maker.steps), tuple(changes), ending, pause)
