"""A site from the program's point of view: calls its actor, kills it and restarts it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import time
from typing import Any

from .._specs import SiteSpec
from .._url import cut, masked
from .actor import Site, retry_wait

NAMESPACE = "freshframe"
_VARIABLES = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # otherwise Ray hides the GPUs from a site


class Remote:
    """A site from the program's point of view."""

    def __init__(self, ray: Any, name: str, actor: str, spec: SiteSpec, limits: tuple[float, float]) -> None:
        self.name, self.spec, self.reason = name, spec, "starts"
        self._ray, self._actor_name, self._limits = ray, actor, limits
        self._actor: Any = None
        self._change: Any = None
        self._failures, self._retry_at = 0, 0.0  # failures in a row

    def ask(self, method: str, *arguments: Any) -> Any:
        """Calls a method of the actor. Returns None until the site's next start is due."""
        if self._actor is None:
            if time.monotonic() < self._retry_at:
                return None
            options = {
                "lifetime": "detached",
                "get_if_exists": True,
                "max_restarts": -1,
                "max_concurrency": 32,
            }
            where = {
                "num_cpus": 1,
                "label_selector": self.spec.labels,
                "runtime_env": {"env_vars": _VARIABLES},
            }
            made = self._ray.remote(Site).options(
                name=self._actor_name, namespace=NAMESPACE, **options, **where
            )
            self._actor = made.remote(self._actor_name, self.spec)
            self._change = self._actor.change.remote(self.spec)
        return getattr(self._actor, method).remote(*arguments)

    @property
    def is_down(self) -> bool:
        """True if it has ended and waits for its next start."""
        return self._actor is None

    def change(self, spec: SiteSpec) -> None:
        """Sends the site a new list of cameras."""
        self.spec = spec
        self._change = self._actor.change.remote(spec) if self._actor is not None else None

    def result(self, call: Any, since: float, done: list[Any]) -> Any:
        """Returns the result of a call, or None if it has not returned yet. Raises the call's exception.

        Raises:
            ConnectionError: The site has ended, or was killed because it did not answer in time. It will be
                restarted.
        """
        limit = self._limits[self.reason != ""]
        try:
            if call in done:
                found = self._ray.get(call)
                self._failures, self.reason = 0, ""
                if self._change is not None and self._ray.wait([self._change], timeout=0)[0]:
                    change, self._change = self._change, None
                    self._ray.get(change)
                return found
            if time.monotonic() - since < limit:
                return None
            error = f"no answer within {limit:g} s: killed"
            self.kill(restart=True)
            self._failures += self.reason != ""
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as ended:
            error = cut(masked(str(ended).strip().splitlines()[-1]))  # last line of the traceback: the error
            # While Ray restarts the actor, it is only unavailable, and each call fails after a second.
            if not isinstance(ended, self._ray.exceptions.ActorUnavailableError):
                self._failures += self.reason != ""
        wait = retry_wait(self._failures) if self._failures else 0.1
        self._actor, self._retry_at, self.reason = None, time.monotonic() + wait, error
        raise ConnectionError

    def kill(self, *, restart: bool = False) -> None:
        """Kills the site's process. Ray does not notice by itself that a process hangs."""
        with contextlib.suppress(ValueError):  # there is none
            self._ray.kill(self._ray.get_actor(self._actor_name, NAMESPACE), no_restart=not restart)
