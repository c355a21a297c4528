"""Lends parts of the engine to the distribution freshframe-fleet, which imports nothing else private.

Both have the same version. A test compares this list with the imports of fleet/, in both directions.
"""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from . import _check
from ._closed_by_with import ClosedByWith
from ._graph.contract import Contract
from ._graph.node import NativeNode
from ._graph.port import belongs_to, value_type
from ._interpreter import fork as _fork
from ._interpreter import late_names as _late_names
from ._interpreter.log import logger
from ._native import (
    FleetAgent,
    FleetStream,
    Pages,
    enter_run,
    fleet_records,
    fleet_value,
    keep_last_words,
    leave_gate,
    leave_run,
    let_leaks_pass,
    mask_passwords,
    say_end_in_order,
    say_fault,
    shown_url,
    start_fleet_child,
)
from ._pipeline.pipeline import find_engine, is_live

if _typing.TYPE_CHECKING:
    from ._cli.app_file import MODULE, AppError, loaded
    from ._cli.messages import Messages
    from ._cli.option_values import count, seconds
    from ._cli.outcome import ExitCode, UsageError
    from ._cli.top_table import plain_console
    from ._look.shown import ShownAsText
    from ._look.stats_text import not_by_design
    from ._process.pickling import Definitions, culprit, learn
    from ._process.worker_log import log_levels, log_to_parent
    from ._sinks.plain import finite, to_text, valid_text
    from ._sinks.records import value_record

check = _check
fork = _fork
late_names = _late_names.getter

# ---- written by tools/late_names.py
_LATER = {
    "AppError": "_cli.app_file",
    "MODULE": "_cli.app_file",
    "loaded": "_cli.app_file",
    "Messages": "_cli.messages",
    "count": "_cli.option_values",
    "seconds": "_cli.option_values",
    "ExitCode": "_cli.outcome",
    "UsageError": "_cli.outcome",
    "plain_console": "_cli.top_table",
    "ShownAsText": "_look.shown",
    "not_by_design": "_look.stats_text",
    "Definitions": "_process.pickling",
    "culprit": "_process.pickling",
    "learn": "_process.pickling",
    "log_levels": "_process.worker_log",
    "log_to_parent": "_process.worker_log",
    "finite": "_sinks.plain",
    "to_text": "_sinks.plain",
    "valid_text": "_sinks.plain",
    "value_record": "_sinks.records",
}
__all__ = [
    "MODULE",
    "AppError",
    "ClosedByWith",
    "Contract",
    "Definitions",
    "ExitCode",
    "FleetAgent",
    "FleetStream",
    "Messages",
    "NativeNode",
    "Pages",
    "ShownAsText",
    "UsageError",
    "belongs_to",
    "check",
    "count",
    "culprit",
    "enter_run",
    "find_engine",
    "finite",
    "fleet_records",
    "fleet_value",
    "fork",
    "is_live",
    "keep_last_words",
    "late_names",
    "learn",
    "leave_gate",
    "leave_run",
    "let_leaks_pass",
    "loaded",
    "log_levels",
    "log_to_parent",
    "logger",
    "mask_passwords",
    "not_by_design",
    "plain_console",
    "say_end_in_order",
    "say_fault",
    "seconds",
    "shown_url",
    "start_fleet_child",
    "to_text",
    "valid_text",
    "value_record",
    "value_type",
]
# ----

if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names.getter(globals(), _LATER)
