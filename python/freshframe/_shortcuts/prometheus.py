"""A collector for prometheus_client, for programs that serve their own metrics."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._check import show
from .._errors import OptionError, OptionTypeError
from .._interpreter import fork, parts
from .._pipeline.pipeline import Pipeline, find_engine

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

    from ..fleet import Fleet


def prometheus_collector(*pipelines: Pipeline | Fleet) -> Collector:
    """Creates a prometheus_client collector with the metrics that serve() exports at /metrics.

    ``prometheus_client.REGISTRY.register(ff.stats.prometheus_collector(pipeline))``. A registry accepts each
    metric name only once, so pass all pipelines and fleets to one collector. The labels ``pipeline`` and
    ``fleet`` are their names.

    Args:
        *pipelines: At least one pipeline or fleet; before, while or after they run. The collector keeps them
            alive.

    Raises:
        OptionTypeError: An argument is neither a Pipeline nor a Fleet.
        OptionError: No pipeline was given, or two have the same name.
        MissingPackageError: The package prometheus_client is not installed.
    GIL: released while the metrics are formatted.
    """
    try:
        with fork.explaining(), fork.loading():
            from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415  (optional)
            from prometheus_client.registry import Collector  # noqa: PLC0415
    except ImportError as error:
        raise parts.missing("prometheus_collector()", "prometheus_client", error) from error
    _check(pipelines)

    class PipelineCollector(Collector):  # type: ignore[misc]  # of an optional package, which mypy skips
        """Parses the text of /metrics, so that names and types are defined in one place only."""

        def collect(self) -> Iterable[Metric]:
            families: dict[str, Metric] = {}
            for pipeline in pipelines:
                for family in text_string_to_metric_families(_format_metrics(pipeline)):
                    known = families.setdefault(family.name, family)
                    if known is not family:
                        known.samples.extend(family.samples)
            return families.values()

    return PipelineCollector()


def _format_metrics(one: Pipeline | Fleet) -> str:
    if isinstance(one, Pipeline):
        return find_engine(one).metrics()
    return one._metrics_text()


def _check(pipelines: tuple[Pipeline | Fleet, ...]) -> None:
    if not pipelines:
        raise OptionError("prometheus_collector() needs at least one Pipeline or Fleet")
    names: set[tuple[type, str]] = set()
    for pipeline in pipelines:
        if not isinstance(pipeline, Pipeline) and not _is_fleet(pipeline):
            raise OptionTypeError(f"prometheus_collector() takes pipelines and fleets, got {show(pipeline)}")
        key = (type(pipeline), pipeline.name)
        if key in names:
            kind, example = (
                ("pipelines", "ff.Pipeline('yard')")
                if isinstance(pipeline, Pipeline)
                else ("fleets", "Fleet(2, name='yard')")
            )
            raise OptionError(
                f"two of the {kind} have the name {pipeline.name!r}: pass each only once, and give each a "
                f"name of its own, as in {example}"
            )
        names.add(key)


def _is_fleet(one: object) -> bool:
    """Returns True for a Fleet, without importing freshframe.fleet."""
    return hasattr(type(one), "_metrics_text")
