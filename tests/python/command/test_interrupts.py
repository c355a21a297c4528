"""A signal ends a command, even if it arrives where Python ignores exceptions."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import signal
import sys
import time
import weakref
from collections.abc import Callable

import pytest

from freshframe._cli import outcome
from freshframe._cli.outcome import ExitCode, Interrupted, TimedOut, interruptible


class Referent:
    """An object that supports weak references."""


def _call_where_exceptions_are_ignored(function: Callable[[], object]) -> None:
    """Calls the function in the callback of a weak reference, where Python ignores exceptions."""
    referent = Referent()
    reference = weakref.ref(referent, lambda _: function())
    del referent
    assert reference() is None


def _work_after_an_ignored(number: signal.Signals) -> None:
    """Raises the signal where Python ignores the exception of its handler, then runs for a minute."""
    _call_where_exceptions_are_ignored(lambda: signal.raise_signal(number))
    for _ in range(6000):
        time.sleep(0.01)
    pytest.fail("the signal was lost")


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
@pytest.mark.parametrize("timeout", [None, 300.0])
def test_a_signal_within_a_callback_that_ignores_exceptions_ends_the_command(
    number: signal.Signals, code: ExitCode, timeout: float | None
) -> None:
    before = sys.unraisablehook
    with pytest.raises(Interrupted) as raised, interruptible(timeout):
        _work_after_an_ignored(number)
    assert raised.value.code == code
    assert sys.unraisablehook is before


def test_a_timeout_within_a_callback_that_ignores_exceptions_ends_the_command() -> None:
    with pytest.raises(TimedOut, match="not finished within --timeout 300 s"), interruptible(300):
        _work_after_an_ignored(signal.SIGALRM)


def test_other_ignored_exceptions_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: reported.append(unraisable.exc_value))
    with interruptible(None):
        _call_where_exceptions_are_ignored(lambda: 1 / 0)
    assert [type(value) for value in reported] == [ZeroDivisionError]


def test_a_signal_while_an_ignored_exception_is_reported_ends_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: signal.raise_signal(signal.SIGTERM))

    def work() -> None:
        _call_where_exceptions_are_ignored(lambda: 1 / 0)
        for _ in range(6000):
            time.sleep(0.01)

    with pytest.raises(Interrupted, match="SIGTERM"), interruptible(None):
        work()


@pytest.mark.slow
def test_an_ignored_signal_does_not_interrupt_the_end_that_another_has_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outcome, "_UNTIL_RAISED_AGAIN_S", 1.0)
    with interruptible(None):
        _call_where_exceptions_are_ignored(lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(Interrupted, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
        time.sleep(1.2)


def test_without_a_timeout_the_timer_of_another_goes_on() -> None:
    before = signal.setitimer(signal.ITIMER_REAL, 500)
    try:
        with interruptible(None):
            pass
        left, _ = signal.getitimer(signal.ITIMER_REAL)
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
    assert left > 0
