"""A system error in the channel to a worker ends the worker or its node, but never the program."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from support import run_program

PROGRAM = """
import os, socket, sys
import freshframe as ff


class Numbers(ff.Source):
    live = False

    def read(self):
        for number in range(300):
            if self.stop_token.wait(0.001):
                return
            yield number, number / 1000


def channels():
    for name in os.listdir("/proc/self/fd"):
        try:
            end = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with end:
            if end.family == socket.AF_UNIX and end.type == socket.SOCK_SEQPACKET:
                yield int(name)


pipeline = ff.Pipeline(stall_timeout=None)
numbers = pipeline.add(Numbers(), name="numbers")
worker = pipeline.add(abs, numbers, name="worker", process=ff.Process(workers=int(sys.argv[1])))
reader = pipeline.reader(worker)
try:
    with pipeline:
        for sample in reader:
            if sample.value == 5:
                nowhere = os.open("/dev/null", os.O_RDWR)
                for channel in list(channels()):
                    os.dup2(nowhere, channel)
except ff.NodeError as error:
    print("failed", error)
else:
    print("restarted", sum(each.restarts for each in pipeline.stats().nodes["worker"].workers) > 0)
pipeline.stop(60)
print("ended", [node.state for node in pipeline.stats().nodes.values()])
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_channel_that_fails_ends_no_program(workers: str) -> None:
    ended = run_program(PROGRAM, arguments=[workers])
    assert ended.code == 0, ended
    first, last = ended.out.splitlines()
    # Whether the worker or the node fails depends on whether reading or writing notices the error first.
    if first == "restarted True":
        assert last == "ended ['ended', 'ended']", ended
    else:
        assert first.startswith("failed node 'worker' failed"), ended
        assert "another process" in first, ended
        assert last == "ended ['ended', 'failed']", ended
