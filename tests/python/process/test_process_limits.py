"""Nodes in worker processes at the limits: few descriptors, many workers, odd frames, many kills."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.process import nodes as process_nodes
from rigs.process.kills import survive_kills
from rigs.process.remains import is_alive
from support import Count, program_environment, run_node, run_program, run_python, until

import freshframe as ff


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


FEW_DESCRIPTORS = """
import os, resource, signal
import numpy as np
from rigs.process import nodes as process_nodes
from rigs.process.kills import survive_kills
import freshframe as ff
from rigs.process.remains import is_alive
from support import Count, Push, until
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
"""


@pytest.mark.slow
def test_64_descriptors_are_enough_for_workers_that_come_and_go() -> None:
    ended = run_program(
        FEW_DESCRIPTORS
        + """
pipeline = ff.Pipeline()
push = Push()
options = ff.Process(workers=2, max_restarts=1000)
port = pipeline.add(process_nodes.mean, pipeline.add(push), process=options, name="n")
reader = pipeline.reader(port, frames=False)
frame = ff.Frame.from_array(np.full((480, 640), 7, np.uint8), "gray")
counts = []
with pipeline:
    for death in range(6):
        push.push(frame)
        assert reader.get().value == 7.0
        os.kill(next(each.pid for each in pipeline.stats().nodes["n"].workers if each.pid), signal.SIGKILL)
        until(
            lambda: all(each.state == "idle" for each in pipeline.stats().nodes["n"].workers)
            and sum(each.restarts for each in pipeline.stats().nodes["n"].workers) > death,
            "the next worker",
        )
        counts.append(len(os.listdir("/proc/self/fd")))
assert counts[-1] <= counts[1], counts
print("done")
"""
    )
    assert (ended.code, ended.out) == (0, "done\n"), ended.err


@pytest.mark.slow
def test_too_few_descriptors_are_an_error_that_says_so() -> None:
    ended = run_program(
        FEW_DESCRIPTORS
        + """
pipeline = ff.Pipeline()
pipeline.add(process_nodes.double, pipeline.add(Count(5)), process=ff.Process(workers=60), name="n")
try:
    pipeline.start()
except ff.NodeError as error:
    print(error)
pipeline.stop()
print(len(os.listdir("/proc/self/task")) < 5)
"""
    )
    assert ended.code == 0, ended.err
    assert ended.out.startswith("node 'n' failed: ")
    assert "Too many open files" in ended.out
    assert ended.out.endswith("True\n")


@pytest.mark.slow
def test_64_workers() -> None:
    pids = values(run_node(process_nodes.get_pid, range(640), process=ff.Process(workers=64)))
    assert len(pids) == 640
    assert len(set(pids)) > 1
    assert os.getpid() not in pids


@pytest.mark.slow
def test_the_parent_may_be_process_1(tmp_path: Path) -> None:
    alone = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    try:
        refused = subprocess.run([*alone, "true"], check=False, capture_output=True).returncode
    except OSError:
        refused = 1
    if refused:
        pytest.skip("no namespaces here (unshare)")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal\n"
        "from rigs.process import nodes as process_nodes\n"
        "import freshframe as ff\n"
        "from support import run_node\n"
        "node = process_nodes.Dies('SIGKILL', 3)\n"
        "print(os.getpid(), [sample.value for sample in run_node(node, range(5), process=True)])\n"
    )
    ended = run_python(str(script), before=alone)
    assert (ended.code, ended.out) == (0, "1 [0, 1, 2, 4]\n"), ended.err


@pytest.mark.slow
def test_a_small_and_full_dev_shm_is_enough(tmp_path: Path) -> None:
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    full = "mount -t tmpfs -o size=1M none /dev/shm; head -c 2M /dev/zero > /dev/shm/full"
    try:
        refused = subprocess.run(
            [*alone, "mount", "-t", "tmpfs", "none", "/dev/shm"], check=False, capture_output=True
        ).returncode
    except OSError:
        refused = 1
    if refused:
        pytest.skip("no namespaces here (unshare)")
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from rigs.process import nodes as process_nodes\n"
        "from support import Pictures, run_node, picture\n"
        "import freshframe as ff\n"
        "assert os.listdir('/dev/shm') == ['full'] and os.statvfs('/dev/shm').f_bfree == 0\n"
        "frames = [ff.Frame.from_array(picture(n, (1920, 1080)), 'gray') for n in range(20)]\n"
        "print([sample.value for sample in run_node(process_nodes.mean, frames, process=True)])\n"
        "print(len(run_node(process_nodes.large_array, range(3), process=True)))\n"
        "assert os.listdir('/dev/shm') == ['full']\n"
    )
    ended = run_python(str(script), before=[*alone, "sh", "-c", f'{full}; exec "$@"', "sh"])
    assert (ended.code, ended.out) == (0, f"{[float(n) for n in range(20)]}\n3\n"), ended.err


def memory_group() -> Path | None:
    """Returns a control group of 350 MB into which this process may move others, or None."""
    for top, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(top) / f"freshframe-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text("350000000")
        except OSError:
            group.rmdir()
            continue
        return group
    return None


@pytest.mark.slow
def test_a_worker_that_the_kernel_ends_for_its_memory_is_replaced(tmp_path: Path) -> None:
    group = memory_group()
    if group is None:
        pytest.skip("no control group here (root)")
    script = tmp_path / "script.py"
    script.write_text(
        "import os\n"
        "from pathlib import Path\n"
        f"Path({str(group / 'cgroup.procs')!r}).write_text(str(os.getpid()))\n"
        "from rigs.process import nodes as process_nodes\n"
        "from support import run_node\n"
        "print([s.value for s in run_node(process_nodes.eat_memory, range(5), process=True)])\n"
    )
    try:
        ended = run_python(str(script))
    finally:
        until(lambda: not (group / "cgroup.procs").read_text(), "the end of all in the group")
        group.rmdir()
    assert (ended.code, ended.out) == (0, "[0, 1, 2, 4]\n"), ended.err
    assert "killed by signal 9 (Killed); the kernel's OOM killer was active" in ended.err


# ---- pictures


class Growing(ff.Source[ff.Frame]):
    """Emits frames whose size changes every 50 frames, each filled with its number."""

    live = False
    sizes = ((640, 480), (1, 1), (1281, 721), (64, 48), (3, 1000), (640, 480))

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        for number in range(50 * len(self.sizes)):
            width, height = self.sizes[number // 50]
            yield ff.Frame.from_array(np.full((height, width), number % 256, np.uint8), "gray"), number / 25


def test_the_size_of_pictures_may_change() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(process_nodes.inverted, pipeline.add(Growing()), process=ff.Process(workers=2))
    reader = pipeline.reader(port)
    count = 0
    with pipeline:
        for sample in reader:
            width, height = Growing.sizes[count // 50]
            luma = sample.value.luma
            assert luma.shape == (height, width)
            assert luma[0, 0] == luma[-1, -1] == 255 - count % 256
            count += 1
    assert count == 50 * len(Growing.sizes)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 3), (1, 65)])
def test_small_pictures_of_every_format_travel(size: tuple[int, int]) -> None:
    color = np.random.default_rng(2).integers(0, 256, (*size, 3), dtype=np.uint8)
    names: tuple[ff.types.Format, ...] = ("gray", "nv12", "i420", "i422", "i444", "bgr", "rgb")
    frames = [ff.Frame.from_array(color, "bgr").to(name) for name in names]
    for frame, planes in zip(
        frames, values(run_node(process_nodes.read_planes, frames, process=True)), strict=True
    ):
        assert len(planes) == len(frame.planes)
        for ours, theirs in zip(frame.planes, planes, strict=True):
            assert np.array_equal(np.asarray(ours), theirs)


# ---- other threads, many kills


@pytest.mark.slow
def test_other_threads_go_on_beside_workers_that_keep_their_gil() -> None:
    pipeline = ff.Pipeline()
    numbers = pipeline.add(Count())
    pipeline.add(process_nodes.hold_the_gil_at_once, numbers, process=ff.Process(workers=2), name="n")
    beats = 0
    done = threading.Event()

    def beat() -> None:
        nonlocal beats
        while not done.is_set():
            time.sleep(0.001)
            beats += 1

    heart = threading.Thread(target=beat)
    with contextlib.ExitStack() as stack:
        stack.callback(heart.join)
        stack.callback(done.set)
        stack.callback(pipeline.stop, 0.5)
        pipeline.start()
        until(
            lambda: {worker.state for worker in pipeline.stats().nodes["n"].workers} == {"working"},
            "both workers to compute",
        )
        heart.start()
        until(lambda: beats >= 300, "the heart to beat")
        assert pipeline.stats().nodes["n"].processed == 0
    assert pipeline.stats().nodes["n"].drops == {"stop": 2}


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_thousand_kills_lose_nothing_uncounted() -> None:
    open_files: list[int] = []

    def look(number: int) -> None:
        if number == 20:
            open_files.append(len(os.listdir("/proc/self/fd")))
        elif number == 999:
            limit = open_files[0] + 16
            until(lambda: len(os.listdir("/proc/self/fd")) <= limit, "no more descriptors than before")

    survive_kills(1000, after_each=look)


def have_ended(pids: list[int]) -> bool:
    return not any(map(is_alive, pids))


RUNS_UNTIL_KILLED = """
import sys, time
from rigs.process import nodes as process_nodes
from rigs.process.kills import survive_kills
import freshframe as ff
from support import Pictures
pipeline = ff.Pipeline()
frames = pipeline.add(Pictures(1 << 30, live=True, size=(640, 480)))
port = pipeline.add(process_nodes.mean, frames, process=ff.Process(workers=2), name="n")
reader = pipeline.reader(port, frames=False)
pipeline.start()
reader.get()
print(*[worker.pid for worker in pipeline.stats().nodes["n"].workers], flush=True)
while True:
    reader.get()
"""


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("what", ["parent", "both"])
def test_a_hundred_killed_parents_leave_nothing(what: str) -> None:
    delays = np.random.default_rng(7).uniform(0, 0.05, 100)
    environment = program_environment()
    for number, delay in enumerate(delays):
        command = [sys.executable, "-c", RUNS_UNTIL_KILLED]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
            assert parent.stdout is not None
            workers = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(workers) == 2
            time.sleep(delay)
            if what == "both":
                os.kill(workers[number % 2], signal.SIGKILL)
            parent.kill()
        until(partial(have_ended, workers), f"the end of {workers}, number {number}")
