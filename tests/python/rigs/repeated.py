"""The marker `repeats`, as a plugin of pytest: a test that compares times is tried again."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that compares times passes if one of its attempts does; the last one says what was wrong.

    A machine that is suspended for a moment, or is needed by other programs, spoils an attempt. A fault
    spoils all of them.
    """
    marker = pyfuncitem.get_closest_marker("repeats")
    if marker is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    for attempt in range(1, marker.kwargs.get("attempts", 8)):
        try:
            pyfuncitem.obj(**arguments)
        except AssertionError as error:  # noqa: PERF203
            print(f"repeated after: {error}")  # shown if the last attempt fails, too
            pyfuncitem.user_properties.append(("repeated", attempt))
        else:
            return True
    pyfuncitem.obj(**arguments)
    return True


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Names the tests that needed another attempt: a test that always does has a fault, or measures the wrong
    thing."""
    for report in terminalreporter.stats.get("passed", []):
        attempts = [value for name, value in report.user_properties if name == "repeated"]
        if attempts:
            terminalreporter.line(f"passed at attempt {attempts[-1] + 1}: {report.nodeid}")
