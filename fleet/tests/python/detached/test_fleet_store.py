"""A store of Ray's that does not answer."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from freshframe_fleet._detached.ray_actor import InTime, RayStore


class Head:
    """Ray's calls, which wait while its head is away."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.puts: list[bytes] = []
        self.there = threading.Event()
        self.there.set()

    def put(self, key: str, value: bytes, *, overwrite: bool, namespace: bytes) -> bool:
        self.there.wait()
        self.puts.append(value)
        known = key in self.values
        if overwrite or not known:
            self.values[key] = value
        return known

    def get(self, key: str, *, namespace: bytes) -> bytes | None:
        self.there.wait()
        return self.values.get(key)

    def list_keys(self, prefix: str, *, namespace: bytes) -> list[bytes]:
        return [b"yard/term/7", b"yard/term/\xff"]

    def fail(self, prefix: str, *, namespace: bytes) -> list[bytes]:
        raise RuntimeError("the head has gone")


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Head:
    head = Head()
    calls = SimpleNamespace(_internal_kv_put=head.put, _internal_kv_get=head.get, _internal_kv_list=head.fail)
    known = importlib.import_module
    monkeypatch.setattr(
        importlib,
        "import_module",
        lambda name, *rest: calls if name == "ray.experimental.internal_kv" else known(name, *rest),
    )
    return head


def test_a_call_of_a_store_that_does_not_answer_ends_and_the_next_ones_are_done_in_order(head: Head) -> None:
    store = RayStore(timeout=0.3)
    store.put("state", b"1")
    head.there.clear()
    with pytest.raises(OSError, match=r"Ray's store does not answer: no answer within 0\.3 s"):
        store.put("state", b"2")  # it may be done later
    with pytest.raises(OSError, match="no answer"):
        store.put("state", b"3")  # has not begun: never
    head.there.set()
    assert RayStore(timeout=20).get("state") in (b"1", b"2")
    patient = RayStore(timeout=20)
    patient._calls = store._calls
    store._calls._timeout = 20
    patient.put("state", b"4")
    assert patient.get("state") == b"4"
    assert head.puts == [b"1", b"2", b"4"]


def test_a_key_that_is_not_utf8_hides_no_other_key(head: Head) -> None:
    store = RayStore()
    store._kv._internal_kv_list = head.list_keys
    assert store.keys("yard/term/") == ["yard/term/7", "yard/term/\ufffd"]


def test_errors_of_ray_are_errors_of_the_system(head: Head) -> None:
    with pytest.raises(OSError, match="Ray's store does not answer: the head has gone"):
        RayStore().keys("yard/")


def test_calls_that_are_given_up_are_not_done_later() -> None:
    calls, go_on = InTime(0.2, "test"), threading.Event()
    done: list[Any] = []
    with pytest.raises(TimeoutError):
        calls.call(lambda: done.append(go_on.wait()))
    with pytest.raises(TimeoutError):
        calls.call(lambda: done.append("given up"))
    assert [each.name for each in threading.enumerate()].count("test") == 1
    go_on.set()
    calls._timeout = 20
    assert calls.call(lambda: "answered") == "answered"
    assert done == [True]
