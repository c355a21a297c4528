"""A hundred random pipelines in which the fate of each sample is known, and planted faults that they find."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest
from night import model, run, steps
from night.program import IN_WORKERS, of_seed
from night.random_pipelines import Failure, main, run_seeds

import freshframe as ff

pytestmark = pytest.mark.needs_gil


@pytest.fixture(autouse=True)
def collected(pipelines: list[ff.Pipeline], monkeypatch: pytest.MonkeyPatch) -> None:
    """Clears the pipelines of programs that have run, so that whatever remains is a finding."""

    def check(program: Any, outcome: Any) -> list[str]:
        pipelines.clear()
        return model.check(program, outcome)

    monkeypatch.setattr("night.random_pipelines.check", check)


@pytest.mark.slow
def test_a_hundred_random_pipelines_do_what_their_model_says() -> None:
    ran, failures = run_seeds(range(100), rare=0)
    assert not failures, "\n".join(map(str, failures))
    assert ran == 100


@pytest.mark.slow
def test_random_pipelines_with_workers_do_what_their_model_says() -> None:
    seeds = [
        seed for seed in range(100) if any(step.kind in IN_WORKERS for step in of_seed(seed, rare=0.1).steps)
    ]
    _, failures = run_seeds(seeds[:3], rare=0.1)
    assert not failures, "\n".join(map(str, failures))


@pytest.mark.slow
def test_a_seed_is_a_program_and_a_part_of_it_can_run_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert of_seed(7) == of_seed(7)
    program = of_seed(7)
    last = program.steps[-1].name
    assert last not in {step.name for step in program.without([last]).steps}
    assert main(["--seed", "7", "--without", last, "--times", "2"]) == 0
    out = capsys.readouterr().out
    assert f"  {last}: " not in out
    assert out.endswith("0 of 2 runs failed\n")


def _lose_a_count(stats: ff.stats.Stats) -> ff.stats.Stats:
    edges = [dataclasses.replace(edge, delivered=max(0, edge.delivered - 1)) for edge in stats.edges]
    return dataclasses.replace(stats, edges=edges)


def _other_cause(stats: ff.stats.Stats) -> ff.stats.Stats:
    edges = [
        dataclasses.replace(edge, drops={"late": edge.dropped} if edge.dropped else {})
        for edge in stats.edges
    ]
    return dataclasses.replace(stats, edges=edges)


def _lost_drop(stats: ff.stats.Stats) -> ff.stats.Stats:
    edges = [
        dataclasses.replace(edge, passed_in=edge.passed_in - edge.dropped, dropped=0, drops={})
        for edge in stats.edges
    ]
    return dataclasses.replace(stats, edges=edges)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [_lose_a_count, _other_cause, _lost_drop])
def test_wrong_statistics_are_found(monkeypatch: pytest.MonkeyPatch, fault: Any) -> None:
    true_stats = ff.Pipeline.stats
    monkeypatch.setattr(ff.Pipeline, "stats", lambda pipeline: fault(true_stats(pipeline)))
    assert _first_failure().findings


def _twice(log: steps.Log, step: str, sample: ff.Sample[Any]) -> steps.Token:
    token = log.token(step, sample)
    log.takes[step] += [steps.Take(token, sample.dropped)] * (2 if sample.seq == 1 else 1)
    return token


def _never(log: steps.Log, step: str, sample: ff.Sample[Any]) -> steps.Token:
    token = log.token(step, sample)
    if sample.seq != 1:
        log.takes[step].append(steps.Take(token, sample.dropped))
    return token


@pytest.mark.parametrize("fault", [_twice, _never])
def test_a_sample_that_comes_twice_or_never_is_found(monkeypatch: pytest.MonkeyPatch, fault: Any) -> None:
    monkeypatch.setattr(steps.Log, "took", fault)
    assert any("took" in found or "delivered" in found for found in _first_failure().findings)


@pytest.mark.slow
def test_a_picture_under_the_number_of_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    true_picture = steps.picture
    monkeypatch.setattr(steps, "picture", lambda source, number: true_picture(source, number ^ 1))
    assert any("came as" in found for found in _first_failure().findings)


@pytest.mark.slow
def test_a_node_that_is_not_closed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.Noted, "close", lambda node: None)
    assert any("was called in this order" in found for found in _first_failure().findings)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the wait, because the planted leftovers stay forever."""
    monkeypatch.setattr("night.random_pipelines._LEFT", 0.05)
    monkeypatch.setattr("night.random_pipelines._TRIES", 0)


@pytest.mark.usefixtures("no_patience")
def test_a_thread_and_a_descriptor_that_are_left_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    true_run = run.run
    kept: list[Any] = []
    over = threading.Event()

    def leave(program: Any, folder: Any) -> Any:
        kept.append(threading.Thread(target=over.wait, name="left"))
        kept[0].start()
        kept.append((folder.parent / "left").open("w"))
        return true_run(program, folder)

    monkeypatch.setattr("night.random_pipelines.run", leave)
    _, failures = run_seeds([0], rare=0)
    over.set()
    kept[0].join()
    kept[1].close()
    assert "'left']" in failures[0].findings[-1]  # the log's thread may be listed, too
    assert "/left" in failures[0].findings[-1]


def _first_failure() -> Failure:
    for seed in range(100):
        _, failures = run_seeds([seed], rare=0)
        if failures:
            assert str(failures[0]).endswith(failures[0].again)
            return failures[0]
    raise AssertionError("no program failed")
