"""Fleet.map() writes complete output files, or none."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rigs.fleet import builds as fleet_builds
from rigs.fleet.checks import shared_fleet
from support import until

import freshframe as ff
from freshframe.fleet import MappedFile
from freshframe.fleet._partial import Partial, sweep

FILES = 12


fleet = shared_fleet(agents=2)


def lists(folder: Path, count: int = FILES) -> list[Path]:
    """Files of 20 numbers."""
    files = [folder / f"list{n}.txt" for n in range(count)]
    for number, file in enumerate(files):
        file.write_text("\n".join(str(100 * number + each) for each in range(20)))
    return files


def numbers(out: str) -> list[int]:
    lines = [json.loads(line) for line in Path(out).read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    return [line["value"] for line in lines]


def states(results: list[MappedFile]) -> set[str]:
    return {result.state for result in results}


def test_each_file_becomes_a_file_and_a_second_call_keeps_what_is_there(
    fleet: ff.Fleet, tmp_path: Path
) -> None:
    files = lists(tmp_path)
    out = tmp_path / "out" / "{stem}.jsonl"
    results = fleet.map(files, fleet_builds.numbers, out)
    assert [result.path for result in results] == [str(file) for file in files]
    assert states(results) == {"done"}
    for number, result in enumerate(results):
        assert numbers(result.out) == [100 * number + each for each in range(20)]
    assert sorted(os.listdir(tmp_path / "out")) == sorted(f"list{n}.jsonl" for n in range(FILES))

    (tmp_path / "out" / "list3.jsonl").unlink()
    again = fleet.map(files, fleet_builds.numbers, out)
    assert [result.state for result in again] == ["there"] * 3 + ["done"] + ["there"] * (FILES - 4)
    assert states(fleet.map(files[:2], fleet_builds.numbers, out, overwrite=True)) == {"done"}
    assert fleet.stats().cameras == {}


def test_a_file_that_fails_leaves_no_output_and_says_why(fleet: ff.Fleet, tmp_path: Path) -> None:
    good, bad = lists(tmp_path, 2)
    bad.write_text("1\n2\nthree\n4\n")
    out = tmp_path / "out" / "{name}.csv"
    done, failed = fleet.map([good, bad], fleet_builds.numbers, out, attempts=1)
    assert (done.state, failed.state) == ("done", "failed")
    assert "three" in failed.why
    assert os.listdir(tmp_path / "out") == ["list0.txt.csv"]
    assert Path(done.out).read_text().splitlines()[:2] == ["seq,pts,captured,value", "0,0.0,nan,0"]


def test_outputs_are_complete_and_the_same_though_agents_are_killed(fleet: ff.Fleet, tmp_path: Path) -> None:
    files = lists(tmp_path)
    plain = fleet.map(files, fleet_builds.numbers, tmp_path / "plain" / "{stem}.jsonl")
    faulty: list[MappedFile] = []
    out = tmp_path / "faulty" / "{stem}.jsonl"
    thread = threading.Thread(target=lambda: faulty.extend(fleet.map(files, fleet_builds.slow_numbers, out)))
    thread.start()
    for agent in ("agent0", "agent1", "agent0"):
        until(lambda agent=agent: fleet.stats().agents[agent].cameras > 0 or not thread.is_alive(), agent)  # type: ignore[misc]
        pid = fleet.stats().agents[agent].pid
        if pid and thread.is_alive():
            os.kill(pid, signal.SIGKILL)
    thread.join()
    assert states(faulty) == {"done"}
    assert max(result.starts for result in faulty) > 1
    for first, second in zip(plain, faulty, strict=True):
        assert Path(first.out).read_bytes() == Path(second.out).read_bytes()
    assert sorted(os.listdir(tmp_path / "faulty")) == sorted(f"list{n}.jsonl" for n in range(FILES))


_WRITER = """
import sys, time
from pathlib import Path
from freshframe.fleet._partial import Partial
partial = Partial(Path(sys.argv[1]), "0123456789ab")
print(partial.path, flush=True)
time.sleep(1000)
"""


def test_what_a_killed_map_has_left_is_removed_by_the_next_one_and_nothing_else(
    fleet: ff.Fleet, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    files = lists(tmp_path, 1)
    mine = Partial(tmp_path / "out" / "mine.jsonl", "0123456789ab")  # a map() that still runs
    programs = [sys.executable, "-c", _WRITER, str(tmp_path / "out" / "killed.jsonl")]
    with subprocess.Popen(programs, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        killed = Path(other.stdout.readline().strip())
        elsewhere = killed.with_name(killed.name.replace(".jsonl.0123456789ab.", ".jsonl.0123456789ab.0"))
        shutil.copy(killed, elsewhere)  # of another machine: its locks are not seen here
        strange = killed.with_name(".strange.part")
        strange.touch()
        assert states(fleet.map(files, fleet_builds.numbers, tmp_path / "out" / "{stem}.jsonl")) == {"done"}
        assert killed.exists()
        other.kill()
    assert states(fleet.map(files, fleet_builds.numbers, tmp_path / "out" / "{stem}.jsonl")) == {"there"}
    left = {mine.path.name, elsewhere.name, strange.name, "list0.jsonl"}
    assert set(os.listdir(tmp_path / "out")) == left
    mine.complete()
    assert (tmp_path / "out" / "mine.jsonl").exists()


def test_a_file_that_was_swept_before_its_lock_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    calls: list[int] = []

    def late(descriptor: int, how: int) -> None:
        if not calls:
            calls.append(descriptor)
            sweep(tmp_path)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    partial = Partial(tmp_path / "a.jsonl", "0123456789ab")
    assert os.listdir(tmp_path) == [partial.path.name]
    sweep(tmp_path)
    assert partial.path.exists()


def test_what_map_cannot_do_is_refused_with_a_reason(fleet: ff.Fleet, tmp_path: Path) -> None:
    files = lists(tmp_path, 1)
    build = fleet_builds.numbers
    for out, text in [
        ("all.jsonl", "must have {stem} or {name}"),
        ("{camera}.jsonl", "must have {stem} or {name}"),
        ("{stem", "as 'tracks/{stem}.jsonl'"),
        ("{stem}.mp4", "end with .jsonl or .csv"),
    ]:
        with pytest.raises(ff.OptionError, match=text):
            fleet.map(files, build, out)
    with pytest.raises(ff.OptionError, match="would both become"):
        fleet.map(["/a/x.mp4", "/b/x.mp4"], build, tmp_path / "{stem}.jsonl")
    with pytest.raises(ff.OptionTypeError, match="files must be a list"):
        fleet.map("x.mp4", build, tmp_path / "{stem}.jsonl")
    with pytest.raises(ff.OptionError, match="at_once must be at least 1"):
        fleet.map(files, build, tmp_path / "{stem}.jsonl", at_once=0)
    template = tmp_path / "{stem}.jsonl"
    (live,) = fleet.map(["ticks:0.01"], fleet_builds.ticks, template, attempts=1)
    assert "live source" in live.why
    (other,) = fleet.map(files, build, template, output="tracks", attempts=1)
    assert "no output 'tracks'; there are: 'numbers'" in other.why
