"""A collector for the package prometheus_client, for programs that serve their own metrics."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._errors import OptionError, OptionTypeError
from .._interpreter import fork
from .._pipeline.pipeline import Pipeline, engine_of

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector


def prometheus_collector(*pipelines: Pipeline) -> Collector:
    """Makes a collector of the metrics at /metrics of Pipeline.serve(), for a registry of prometheus_client.

    ``prometheus_client.REGISTRY.register(ff.prometheus_collector(pipeline))``. A registry accepts each name
    of a metric only once, so give all pipelines to one collector. The label ``pipeline`` is their name.

    Args:
        *pipelines: At least one; before, while or after they run. The collector keeps them alive.

    Raises:
        OptionTypeError: An argument is not a Pipeline.
        OptionError: There is no pipeline, or two have the same name.
        ImportError: The package prometheus_client is not installed.
    GIL: released while the text is made.
    """
    try:
        with fork.loading():
            from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415  (optional)
            from prometheus_client.registry import Collector  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "prometheus_collector() needs the package prometheus_client: pip install prometheus_client"
        ) from error
    _check(pipelines)

    class PipelineCollector(Collector):  # type: ignore[misc]  # of an optional package, which mypy skips
        """Reads the text of /metrics, which alone defines the names and types."""

        def collect(self) -> Iterable[Metric]:
            families: dict[str, Metric] = {}
            for pipeline in pipelines:
                for family in text_string_to_metric_families(engine_of(pipeline).metrics()):
                    known = families.setdefault(family.name, family)
                    if known is not family:
                        known.samples.extend(family.samples)
            return families.values()

    return PipelineCollector()


def _check(pipelines: tuple[Pipeline, ...]) -> None:
    if not pipelines:
        raise OptionError("prometheus_collector() needs at least one Pipeline")
    names: set[str] = set()
    for pipeline in pipelines:
        if not isinstance(pipeline, Pipeline):
            raise OptionTypeError(f"prometheus_collector() takes pipelines, got {pipeline!r}")
        if pipeline.name in names:
            raise OptionError(
                f"two of the pipelines have the name {pipeline.name!r}; give them different names, "
                "as in ff.Pipeline('yard')"
            )
        names.add(pipeline.name)
