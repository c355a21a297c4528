"""A signal handler that raises within a verb leaves the graph consistent: a node whose add() raised is not
part of it, and each open() has its close().
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from support import run_program

PROGRAM = """
import random, signal, sys, time
import freshframe as ff


class Boom({base}):
    pass


armed = False


def handle(number, frame):
    if armed:
        raise Boom


signal.signal(signal.SIGALRM, handle)
sys.unraisablehook = lambda ignored: None  # a handler may interrupt a destructor of the interpreter's own


class Step(ff.Node):
    def __init__(self):
        self.opened = self.closed = 0

    def open(self):
        self.opened += 1

    def process(self, sample):
        return None

    def close(self):
        self.closed += 1


chance = random.Random(5)
lasts = 0.002  # seconds, about as long as the verb


def is_cut(verb):
    global armed, lasts
    began, wait = time.monotonic(), chance.uniform(1e-5, 1.3 * lasts)
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, wait)
            verb()
        finally:
            armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Boom:
        return True
    lasts += 0.1 * (min(0.02, time.monotonic() - began) - lasts)
    return False


def is_connected():
    return any((edge.parent, edge.child) == ("other", "replaced") for edge in pipeline.stats().edges)


pipeline = ff.Pipeline(keep_running=True, stall_timeout=None)
camera = pipeline.add(ff.open("demo:circles?size=64x48&fps=20"), name="camera")
steps = [Step()]
other = pipeline.add(ff.open("demo:circles?size=64x48&fps=20"), name="other")
port = pipeline.add(steps[0], [camera] if {verb!r} == "connect" else [camera, other], name="replaced")
pipeline.start()
pipeline.stats()
cut, there, gone = 0, [], []
for number in range({count}):
    name, step = f"step {{number}}", Step()
    steps.append(step)
    ports = []
    if {verb!r} == "add":
        was_cut = is_cut(lambda: ports.append(pipeline.add(step, camera, name=name)))
        if was_cut and name in pipeline.stats().nodes and not ports:
            there.append(name)
        if not was_cut and name not in pipeline.stats().nodes:
            gone.append(name)
        if ports:
            pipeline.remove(ports[0])
    elif {verb!r} == "replace":
        was_cut = is_cut(lambda: pipeline.replace(port, step))
    elif {verb!r} in ("connect", "disconnect"):
        was_cut = is_cut(lambda: getattr(pipeline, {verb!r})(port, other))
        was_connected = is_connected()
        if not was_cut and was_connected != ({verb!r} == "connect"):
            gone.append(name)
        if was_connected == ({verb!r} == "connect"):
            getattr(pipeline, "disconnect" if was_connected else "connect")(port, other)
            if is_connected() == was_connected:
                there.append(name)
    else:
        added = pipeline.add(step, camera, name=name)
        was_cut = is_cut(lambda: pipeline.remove(added))
        pipeline.remove(added)
        if name in pipeline.stats().nodes:
            there.append(name)
    cut += was_cut
pipeline.stop(60)
print("cut:", cut > {count} // 20)
print("there:", there, "gone:", gone)
print("open:", [(step.opened, step.closed) for step in steps if step.opened != step.closed])
"""


@pytest.mark.parametrize("base", ["Exception", "BaseException"])
@pytest.mark.parametrize(
    ("verb", "count"),
    [("add", 500), ("replace", 6000), ("remove", 500), ("connect", 1000), ("disconnect", 1000)],
)
def test_a_handler_that_raises_within_a_verb_leaves_no_node_and_no_open_behind(
    verb: str, count: int, base: str
) -> None:
    ended = run_program(PROGRAM.format(verb=verb, count=count, base=base))
    assert ended.code == 0, ended
    assert ended.out.splitlines()[-3:] == ["cut: True", "there: [] gone: []", "open: []"], ended
