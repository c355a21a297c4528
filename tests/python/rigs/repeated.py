"""A pytest plugin for the marker `repeats`: a test that compares times gets a second attempt."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import pytest

# Maximum number of tests per run that may need a second attempt. A busy machine spoils a few. More mean
# that the tests measure the wrong thing, or that the engine has become slower.
BUDGET = 12


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a marked test a second time if it fails; the second failure is reported.

    A machine that is suspended or busy spoils one attempt, a bug spoils both.
    """
    if pyfuncitem.get_closest_marker("repeats") is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    try:
        pyfuncitem.obj(**arguments)
    except AssertionError as error:
        print(f"repeated after: {error}")  # shown if the second attempt fails, too
        pyfuncitem.user_properties.append(("repeated", 1))
        pyfuncitem.obj(**arguments)
    return True


def repeated(terminalreporter: Any) -> list[str]:
    """Returns the tests that passed on the second attempt."""
    return [
        report.nodeid
        for report in terminalreporter.stats.get("passed", [])
        if report.when == "call" and ("repeated", 1) in map(tuple, report.user_properties)
    ]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Lists the tests that needed a second attempt. A test that always does is broken."""
    names = repeated(terminalreporter)
    for name in names:
        terminalreporter.line(f"passed at attempt 2: {name}")
    if len(names) > BUDGET:
        terminalreporter.line(
            f"{len(names)} tests needed a second attempt, {BUDGET} may: the run has failed", red=True
        )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run in which too many tests needed a second attempt."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.exitstatus == 0 and len(repeated(reporter)) > BUDGET:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
