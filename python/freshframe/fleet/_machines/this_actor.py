"""The end of a Ray actor by itself. Imported by Ray's workers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import time

_TRY_AGAIN = 5.0  # seconds: the cluster's head may not answer


def end_this_actor() -> None:
    """Ends the actor that this process is, for good. The end of the process alone would start it again."""
    import ray  # noqa: PLC0415

    while True:
        with contextlib.suppress(Exception):  # it is tried again, until this process has ended
            ray.kill(ray.get_runtime_context().current_actor, no_restart=True)
        time.sleep(_TRY_AGAIN)
