"""Nodes in worker processes: hooks, order, queues, counters, and how the dashboard shows them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.process import nodes as process_nodes
from rigs.web_client import request
from support import Collect, Count, Push, run_node, run_python, until

import freshframe as ff
from freshframe._cli import top_table
from freshframe._process import recipe


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


def balanced(pipeline: ff.Pipeline, name: str) -> ff.stats.NodeStats:
    """Checks that every sample that the node took is accounted for."""
    stats = pipeline.stats()
    node = stats.nodes[name]
    taken = sum(edge.delivered for edge in stats.edges if edge.child == name)
    assert taken == node.processed + node.dropped + node.in_flight
    return node


def test_hooks_run_in_each_worker(tmp_path: Path) -> None:
    path = tmp_path / "hooks"
    run_node(process_nodes.Hooks(str(path)), range(10), process=ff.Process(workers=2))
    lines = sorted(path.read_text().split("\n")[:-1])
    assert [line.split()[0] for line in lines] == ["close", "close", "open", "open"]
    pids = {line.split()[1] for line in lines}
    assert len(pids) == 2
    assert str(os.getpid()) not in pids


@pytest.mark.slow
def test_results_keep_their_order() -> None:
    options = ff.Process(workers=3)
    assert values(run_node(process_nodes.slow_if_odd, range(40), process=options)) == list(range(40))


@pytest.mark.slow
def test_results_come_as_they_are_ready_on_request() -> None:
    options = ff.Process(workers=2, ordered=False)
    got = values(run_node(process_nodes.slow_if_odd, range(40), process=options))
    assert sorted(got) == list(range(40))
    assert got != list(range(40))


def test_a_full_edge_below_makes_the_workers_wait() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(
        process_nodes.double, pipeline.add(Count(200)), process=ff.Process(workers=2), name="w"
    )
    reader = pipeline.reader(port, queue=ff.Queue(1, when_full="block"))
    with pipeline:
        until(lambda: pipeline.stats().nodes["w"].processed >= 2, "the first results")
        assert balanced(pipeline, "w").processed < 20
        assert values(list(reader)) == [2 * number for number in range(200)]
        assert balanced(pipeline, "w").in_flight == 0


def test_next_waits_for_an_idle_worker() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=True, queue=ff.NEXT, name="next")
    reader = pipeline.reader(port)
    with pipeline:
        for number in range(5):
            sample = None
            while sample is None:  # a value that arrives before the worker is idle again is dropped
                push.push(number)
                with contextlib.suppress(ff.ReadTimeoutError):
                    sample = reader.get(0.1)
            assert sample.value == 2 * number
        [edge] = [edge for edge in pipeline.stats().edges if edge.child == "next"]
        assert edge.drops.keys() <= {"no_waiter"}


@pytest.mark.slow
def test_workers_are_shown() -> None:
    pipeline = ff.Pipeline()
    push = Push(live=False)
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=ff.Process(workers=2), name="w")
    reader = pipeline.reader(port)
    with pipeline:
        push.push(1, 2, 3)
        for _ in range(3):
            reader.get()
        workers = pipeline.stats().nodes["w"].workers
        assert len({worker.pid for worker in workers} - {0, os.getpid()}) == 2
        assert sum(worker.processed for worker in workers) == 3
        assert all(worker.rss_bytes > 1 << 20 and worker.cpu > 0 for worker in workers)
        assert {worker.state for worker in workers} <= {"idle", "working"}
        assert [worker.restarts for worker in workers] == [0, 0]
    assert {worker.state for worker in pipeline.stats().nodes["w"].workers} == {"ended"}
    assert {worker.pid for worker in pipeline.stats().nodes["w"].workers} == {None}


def test_nodes_without_processes_have_no_workers() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Count(1)))
    pipeline.run()
    assert pipeline.stats().nodes["Collect"].workers == ()


@pytest.mark.slow
def test_the_environment_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHFRAME_TEST_ONE", "one")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    options = ff.Process(env={"FRESHFRAME_TEST_TWO": "two"})
    names = ["FRESHFRAME_TEST_ONE", "FRESHFRAME_TEST_TWO"]
    assert values(run_node(process_nodes.variable, names, process=options)) == ["one", "two"]


@pytest.mark.parametrize("workers", [1, 2, 256])
def test_libraries_share_the_cores_among_the_workers(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    for name in recipe.THREADS_OF:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    options = ff.Process(workers=workers, env={"OPENBLAS_NUM_THREADS": "3"})
    given = dict(entry.split(b"=", 1) for entry in recipe.make_environment(options))
    cores = len(os.sched_getaffinity(0))
    assert int(given[b"OMP_NUM_THREADS"]) == max(1, cores // workers)
    assert (given[b"OPENBLAS_NUM_THREADS"], given[b"MKL_NUM_THREADS"]) == (b"3", b"7")


@pytest.mark.slow
def test_the_interpreters_flags_and_path_travel(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; sys.path.append('/nowhere/at/all')\n"
        "from rigs.process import nodes as process_nodes\n"
        "from support import run_node\n"
        "[sample] = run_node(process_nodes.flags, [1], process=True)\n"
        "print(sample.value[0], sample.value[1], sample.value[2] == sys.path)\n"
    )
    ended = run_python("-X", "dev", "-W", "ignore::ResourceWarning", str(script))
    assert (ended.code, ended.out) == (0, "True ['default', 'ignore::ResourceWarning'] True\n"), ended.err


SCRIPT = """
from support import run_node
class Box:
    def __init__(self, value): self.value = value
def box(value): return Box(2 * value)
print([sample.value.value for sample in run_node(box, range(3), process=True)])
"""


@pytest.mark.slow
@pytest.mark.table(cases=3)
@pytest.mark.parametrize("way", ["script", "module", "package", "inside", "cell"])
def test_nodes_of_main_travel_however_it_was_started(way: str, tmp_path: Path) -> None:
    package = tmp_path / "a_package"
    package.mkdir()
    (tmp_path / "a_module.py").write_text(SCRIPT)
    (package / "__init__.py").touch()
    (package / "inside.py").write_text(SCRIPT)  # the package does not have a __main__
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "__main__.py").write_text(SCRIPT)
    cell = f"import __main__; exec(compile({SCRIPT!r}, '<cell 1>', 'exec'), __main__.__dict__)"
    commands = {
        "script": [str(tmp_path / "a_module.py")],
        "module": ["-m", "a_module"],
        "package": ["-m", "whole"],
        "inside": ["-m", "a_package.inside"],
        "cell": ["-c", cell],
    }
    ended = run_python(*commands[way], cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "[0, 2, 4]\n"), ended.err


def test_workers_read_nothing_from_the_terminal() -> None:
    assert values(run_node(process_nodes.read_a_line, [1], process=True)) == ["nothing to read"]


@pytest.fixture(scope="module")
def product_here() -> float:
    """Starts the threads of the library, which stay, before a test counts threads."""
    return process_nodes.product(300)


def test_threads_that_a_library_has_begun_in_the_parent_harm_no_worker(product_here: float) -> None:
    results = values(run_node(process_nodes.product, [300] * 3, process=ff.Process(workers=2)))
    assert results == [product_here] * 3


def test_top_shows_how_many_workers_a_node_has() -> None:
    assert top_table._workers({"name": "n"}) == ""
    assert top_table._workers({"workers": [{"restarts": 0}]}) == " (1 worker)"
    many = {"workers": [{"restarts": 2}, {"restarts": 1}]}
    assert top_table._workers(many) == " (2 workers, 3 restarted)"


def test_a_stream_below_workers_ends_complete() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(process_nodes.double, pipeline.add(Count(50)), process=True))
    assert pipeline.run().complete


def test_a_picture_cannot_be_changed_by_its_worker() -> None:
    frame = ff.Frame.from_array(np.zeros((480, 640), np.uint8), "gray")
    [result] = run_node(process_nodes.WritesToItsInput(), [frame], process=True)
    assert result.value == "refused"
    assert not frame.luma.any()


@pytest.mark.slow
def test_the_death_of_a_worker_is_an_event_of_the_dashboard() -> None:
    pipeline = ff.Pipeline()
    push = Push(live=False)
    pipeline.add(process_nodes.double, pipeline.add(push), process=True, name="w")
    with pipeline, pipeline.serve() as dashboard:
        pid = pipeline.stats().nodes["w"].workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        def deaths() -> list[str]:
            events = request(dashboard.url, "/api/state").json()["events"]
            return [event["text"] for event in events if (event["kind"], event["subject"]) == ("error", "w")]

        until(deaths, "the event")
        assert deaths() == ["worker of 'w' died: killed by signal 9 (Killed)"]
        assert pipeline.stats().nodes["w"].errors == 0


def test_the_dashboard_and_metrics_show_workers() -> None:
    pipeline = ff.Pipeline()
    push = Push(live=False)
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=True, name="w")
    reader = pipeline.reader(port)
    with pipeline, pipeline.serve() as dashboard:
        push.push(1)
        reader.get()
        nodes = {node["name"]: node for node in request(dashboard.url, "/api/state").json()["nodes"]}
        [worker] = nodes["w"]["workers"]
        assert worker["pid"] == pipeline.stats().nodes["w"].workers[0].pid
        assert (worker["processed"], worker["restarts"]) == (1, 0)
        assert nodes["w"]["in_flight"] == 0
        assert "workers" not in nodes["Push"]
        metrics = request(dashboard.url, "/metrics").body.decode()
        [line] = [
            line for line in metrics.splitlines() if line.startswith("freshframe_worker_processed_total")
        ]
        assert line.endswith(" 1")
        assert 'worker="0"' in line


IN_ITS_FOLDER = """
import mymodule, os, sys, freshframe as ff
%s
pipeline = ff.Pipeline()
video = pipeline.add(ff.open('demo:circles?frames=2&size=64x64&pace=0'))
reader = pipeline.reader(pipeline.add(mymodule.N(), video, process=True))
with pipeline:
    print([sample.value for sample in reader])
"""


def test_a_long_path_of_modules_reaches_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "path", [*sys.path, *(f"/no/such/{'x' * 200}/{number}" for number in range(700))]
    )
    assert len(":".join(sys.path)) > 128 << 10  # the kernel's limit for one argument
    (sample,) = ff.testing.run_node(process_nodes.double, [1], process=True)
    assert sample.value == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "then",
    [
        "os.chdir('/')",
        "os.mkdir('deleted'); os.chdir('deleted'); os.rmdir('../deleted')",
        "sys.path += [f'/nowhere/{number}/' + 100 * 'x' for number in range(2000)]",
    ],
    ids=["changed", "deleted", "long path"],
)
def test_modules_of_the_folder_of_the_start_are_found(then: str, tmp_path: Path) -> None:
    (tmp_path / "mymodule.py").write_text(
        "import freshframe as ff\nclass N(ff.Node):\n    def process(self, sample): return sample.seq\n"
    )
    ended = run_python("-c", IN_ITS_FOLDER % then, cwd=tmp_path)
    assert (ended.code, ended.out) == (0, "[0, 1]\n"), ended.err


@pytest.mark.slow
def test_modules_of_a_folder_that_became_the_working_directory_are_found(tmp_path: Path) -> None:
    (tmp_path / "later_module.py").write_text("def double(value): return 2 * value.width\n")
    code = f"""
import os, freshframe as ff
os.chdir({str(tmp_path)!r})
import later_module
pipeline = ff.Pipeline()
video = pipeline.add(ff.open('demo:circles?frames=1&size=64x64'))
reader = pipeline.reader(pipeline.add(later_module.double, video, process=True))
with pipeline:
    print([sample.value for sample in reader])
"""
    ended = run_python("-c", code)
    assert (ended.code, ended.out) == (0, "[128]\n"), ended.err
