"""The private parts that the package freshframe-fleet may import.

Both packages have the same version. A test compares this list with the imports of fleet/.
"""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from . import _check, _native
from ._closed_by_with import ClosedByWith
from ._graph import port as _ports
from ._graph.contract import Contract
from ._graph.node import NativeNode
from ._interpreter import fork as _fork
from ._interpreter import late_names as _late_names
from ._interpreter.log import logger
from ._pipeline import pipeline as _pipelines

if _typing.TYPE_CHECKING:
    from ._cli import app_file, option_values, outcome
    from ._cli.messages import Messages
    from ._look.shown import ShownAsText
    from ._look.stats_text import not_by_design
    from ._process import pickling, worker_log
    from ._sinks import plain
    from ._sinks.records import value_record

check = _check
fork = _fork
late_names = _late_names.getter
native = _native
pipelines = _pipelines
ports = _ports

# ---- written by tools/late_names.py
_LATER = {
    "app_file": "_cli",
    "option_values": "_cli",
    "outcome": "_cli",
    "Messages": "_cli.messages",
    "ShownAsText": "_look.shown",
    "not_by_design": "_look.stats_text",
    "pickling": "_process",
    "worker_log": "_process",
    "plain": "_sinks",
    "value_record": "_sinks.records",
}
__all__ = [
    "ClosedByWith",
    "Contract",
    "Messages",
    "NativeNode",
    "ShownAsText",
    "app_file",
    "check",
    "fork",
    "late_names",
    "logger",
    "native",
    "not_by_design",
    "option_values",
    "outcome",
    "pickling",
    "pipelines",
    "plain",
    "ports",
    "value_record",
    "worker_log",
]
# ----

if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names.getter(globals(), _LATER)
