"""Cameras run on without the head of their Ray cluster, and the statistics say that it is lost."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: ./dev test-fleet makes an environment with it")

from fleet_rigs.checks import is_alive
from ray_clusters import new_cluster
from support import program_environment, until

pytestmark = [pytest.mark.full, pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)]
RECONNECT = 20  # seconds; Ray's default is 60

_PROGRAM = """
import json, sys, threading, time
from fleet_rigs import builds as fleet_builds
import freshframe as ff
with ff.fleet.Fleet.on_ray(sys.argv[1], on_head=True) as fleet:
    for site in ("north", "south"):
        fleet.add(site[0], "ticks:0.05", fleet_builds.ticks, needs={"site": site})
    reader = fleet.reader("ticks")
    said = 0.0
    counts = {}
    for sample in reader:
        counts[sample.camera] = counts.get(sample.camera, 0) + 1
        if time.monotonic() - said > 0.5:
            said = time.monotonic()
            stats = fleet.stats()
            pids = [agent.pid for agent in stats.agents.values()]
            print(json.dumps({"counts": counts, "cluster": stats.cluster_reason, "pids": pids}), flush=True)
"""


def gcs_of(cluster: Any) -> int:
    (process,) = cluster.head_node.all_processes["gcs_server"]
    return int(process.process.pid)


def test_cameras_run_on_without_the_head_and_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", str(RECONNECT))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", program_environment()["PYTHONPATH"])
    with new_cluster() as cluster:
        program = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, cluster.address], stdout=subprocess.PIPE, text=True
        )
        assert program.stdout is not None
        with program, program.stdout as said:
            try:
                first = next(json.loads(line) for line in said if len(json.loads(line)["counts"]) == 2)
                assert first["cluster"] is None
                os.kill(gcs_of(cluster), signal.SIGKILL)
                lost = time.monotonic()
                told = next(json.loads(line) for line in said if json.loads(line)["cluster"])
                after = time.monotonic() - lost
                assert "the cluster's head does not answer: cameras run on" in told["cluster"]
                later = [json.loads(said.readline()) for _ in range(8)][-1]
                for camera in ("n", "s"):
                    assert later["counts"][camera] > told["counts"][camera] + 20
                assert later["pids"] == first["pids"]
                print(f"told after {after:.1f} s")
                said.read()  # until Ray ends the program
                print(
                    f"the program has ended {time.monotonic() - lost:.1f} s after the head, {program.wait()}"
                )
                until(lambda: not any(is_alive(pid) for pid in first["pids"]), "the end of the agents")
            finally:
                program.kill()
