"""A fleet's request to Ray's autoscaler for more machines."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_CPU = "CPU"
_ON_A_NEW_ONE = 1.0  # processors that it must have, at least
_ON_AN_OLD_ONE = 0.001  # takes nothing from others


class RayRequest:
    """A placement group that needs more machines than there are: the autoscaler makes room for it.

    Agents take no CPUs of Ray's, so Ray sees free machines where a fleet sees busy ones. Hence the group has
    one bundle for each machine that is there, one for each that is wanted, and all on different machines. It
    stays pending and holds nothing. It belongs to the process that made it, so it ends with that one, and
    several fleets ask independently (request_resources() has one list for the whole cluster).
    """

    def __init__(self, ray: Any, name: str) -> None:
        """Begins without machines. ``name``: shown by `ray list placement-groups`."""
        self._ray = ray
        self._name = name
        self._group: Any = None
        self._asked: list[dict[str, str]] = []

    def ask(self, machines: int, wanted: Sequence[Mapping[str, str]]) -> bool:
        """Asks for machines with these labels beside those that are there; none: asks no longer.

        Whether that has changed something.
        """
        asked = [dict(each) for each in wanted]
        if asked == self._asked:
            return False
        self.withdraw()
        if asked:
            old, new = {_CPU: _ON_AN_OLD_ONE}, {_CPU: _ON_A_NEW_ONE}
            self._group = self._ray.util.placement_group(
                [old] * machines + [new] * len(asked),
                strategy="STRICT_SPREAD",
                name=self._name,
                bundle_label_selector=[{}] * machines + asked if any(asked) else None,
            )
        self._asked = asked
        return True

    def withdraw(self) -> None:
        """Asks no longer. Idempotent. What Ray raises leaves the request as it was, for the next attempt."""
        if self._group is not None:
            self._ray.util.remove_placement_group(self._group)
            self._group = None
        self._asked = []
