"""prometheus_collector(): the same families as /metrics, through the package prometheus_client."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
import urllib.request

import pytest
from support import Count, Gate, until

import freshframe as ff

prometheus = pytest.importorskip("prometheus_client")
ODD = 'a "quoted"\\ name\nof two lines'


def ended(name: str) -> ff.Pipeline:
    pipeline = ff.Pipeline(name)
    pipeline.add(lambda value: None, pipeline.add(Count(20), name="count"), name=f"sink of {name}")
    pipeline.run()
    return pipeline


def families(text: str) -> dict[str, tuple[str, str, dict[tuple[str, frozenset[tuple[str, str]]], float]]]:
    """Returns type, help and samples by name."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    return {
        family.name: (
            family.type,
            family.documentation,
            {(one.name, frozenset(one.labels.items())): one.value for one in family.samples},
        )
        for family in text_string_to_metric_families(text)
    }


def test_the_collector_gives_what_metrics_has() -> None:
    pipeline = ended(ODD)
    registry = prometheus.CollectorRegistry(auto_describe=True)
    registry.register(ff.stats.prometheus_collector(pipeline))
    mine = families(prometheus.generate_latest(registry).decode())
    with urllib.request.urlopen(f"{pipeline.serve().url}metrics") as answer:
        served = families(answer.read().decode())
    assert {name: kinds[:2] for name, kinds in mine.items()} == {name: served[name][:2] for name in mine}, (
        "types and help"
    )
    assert set(served) - set(mine) == {
        "freshframe_viewers",
        "freshframe_view_encoded",
        "freshframe_view_watchers",
        "freshframe_view_left_out_pictures",
    }
    for name, (_, _, samples) in mine.items():
        assert samples == served[name][2], name
    labels = {"pipeline": ODD, "parent": "count", "child": f"sink of {ODD}"}
    assert registry.get_sample_value("freshframe_edge_delivered_total", labels) == 20


def test_the_collector_reports_a_stall() -> None:
    gate = Gate()

    def hold(value: int) -> None:
        gate.enter()

    pipeline = ff.Pipeline("stuck", stall_timeout=0.1)
    pipeline.add(hold, pipeline.add(Count(), name="count"), name="hold", queue=ff.LOSSLESS)
    registry = prometheus.CollectorRegistry()
    registry.register(ff.stats.prometheus_collector(pipeline))

    def healthy() -> float | None:
        value: float | None = registry.get_sample_value("freshframe_pipeline_healthy", {"pipeline": "stuck"})
        return value

    with pipeline:
        until(lambda: healthy() == 0, "the stall to be reported")
        gate.open()
        until(lambda: healthy() == 1, "frames to flow again")


def test_one_collector_takes_several_pipelines() -> None:
    registry = prometheus.CollectorRegistry(auto_describe=True)
    registry.register(ff.stats.prometheus_collector(ended("yard"), ended("north")))
    for name in ("yard", "north"):
        labels = {"pipeline": name, "node": "count"}
        assert registry.get_sample_value("freshframe_node_processed_total", labels) == 20
    text = prometheus.generate_latest(registry).decode()
    assert text.count("# TYPE freshframe_node_processed_total ") == 1


def test_what_cannot_be_collected_is_refused() -> None:
    with pytest.raises(ff.OptionError, match="at least one"):
        ff.stats.prometheus_collector()
    with pytest.raises(ff.OptionTypeError, match="got 3"):
        ff.stats.prometheus_collector(3)  # type: ignore[arg-type]
    with pytest.raises(ff.OptionError, match="two of the pipelines have the name 'pipeline': pass each"):
        ff.stats.prometheus_collector(ff.Pipeline(), ff.Pipeline())
    with pytest.raises(ff.OptionError, match="pass each only once"):
        ff.stats.prometheus_collector(*[ff.Pipeline()] * 2)
    fleet = type("Fleet", (), {"name": "yard", "_metrics_text": str})()
    with pytest.raises(ff.OptionError, match="two of the fleets have the name 'yard': pass each only once"):
        ff.stats.prometheus_collector(fleet, fleet)


@pytest.mark.slow
def test_without_the_package_it_says_what_to_install() -> None:
    program = """
import sys
sys.modules["prometheus_client"] = None
import freshframe as ff
try:
    ff.stats.prometheus_collector(ff.Pipeline())
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'freshframe[prometheus]'" in done.stdout
