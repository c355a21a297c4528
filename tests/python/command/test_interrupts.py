"""A signal ends a command, wherever Python is when it arrives."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import signal
import sys
import time
import weakref

import pytest

from freshframe._cli.outcome import ExitCode, Interrupted, TimedOut, interruptible


class Referent:
    """Something that a weak reference can refer to."""


def _run_with_a_signal_within_a_callback(number: signal.Signals) -> None:
    """Raises the signal where Python ignores the exceptions of its handler, and then works for a minute."""
    referent = Referent()
    reference = weakref.ref(referent, lambda _: signal.raise_signal(number))
    del referent
    gc.collect()
    assert reference() is None
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
        _run_with_a_signal_within_a_callback(number)
    assert raised.value.code == code
    assert sys.unraisablehook is before


def test_a_timeout_within_a_callback_that_ignores_exceptions_ends_the_command() -> None:
    with pytest.raises(TimedOut, match="not finished within --timeout 300 s"), interruptible(300):
        _run_with_a_signal_within_a_callback(signal.SIGALRM)


def test_other_ignored_exceptions_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: reported.append(unraisable.exc_value))
    referent = Referent()
    reference = weakref.ref(referent, lambda _: 1 / 0)
    with interruptible(None):
        del referent
        gc.collect()
    assert reference() is None
    assert [type(value) for value in reported] == [ZeroDivisionError]
