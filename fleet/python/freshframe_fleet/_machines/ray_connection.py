"""A program's connection to a Ray cluster, which all its fleets share."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

from freshframe import FreshframeError, MissingPackageError, OptionError, OptionTypeError, StateError
from freshframe._agent import check, is_this_machine

NAMESPACE = "freshframe"  # namespace of the actors
VARIABLES = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # for actors: Ray would hide graphics cards from them
_REACH = 5.0  # seconds for the cluster's port to answer

_CLIENT = "ray://"
_lock = threading.Lock()
_own: list[RayConnection] = []  # connections that use the one made first


def load_ray(where: str) -> Any:
    """The package.

    Raises:
        MissingPackageError: It is not installed.
    """
    # Both are read when Ray is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if is_this_machine(_split_host(_resolved(where))):  # else Ray takes the outer address
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingPackageError(
            f"a fleet on a cluster needs Ray ({error}): pip install 'freshframe-fleet[ray]'. "
            "Fleet(agents=2) needs none",
            name="ray",
        ) from error


def checked_address(where: str) -> str:
    """An address as Ray takes it, without Ray Client.

    Raises:
        OptionError: It is not an address.
    """
    if where.startswith(_CLIENT):
        raise _refuse_client(f"got {check.show(where)}")
    host, colon, port = where.rpartition(":")
    if where == "auto" or (colon and host and port.isdecimal() and 0 < int(port) < 1 << 16):
        return where
    raise OptionError(
        'the address of a Ray cluster must be "auto" (RAY_ADDRESS) or "HOST:PORT", '
        f"got {check.show(where)}; a fleet on this machine alone is Fleet(agents=2)"
    )


def _refuse_client(found: str) -> OptionError:
    return OptionError(
        "a fleet needs a direct connection to the cluster, and Ray Client (ray://HOST:10001) is not one: run "
        'the program on a machine of the cluster with the address "auto", or "HOST:6379" as `ray start '
        f"--head` shows it; {found}"
    )


def checked_environment(runtime_env: Any) -> dict[str, Any] | None:
    """The environment that Ray makes for the agents.

    Raises:
        OptionTypeError: It is no mapping with names.
    """
    if runtime_env is None:
        return None
    if not isinstance(runtime_env, Mapping) or not all(isinstance(name, str) for name in runtime_env):
        raise OptionTypeError(
            "runtime_env must be a mapping as Ray takes it, {'working_dir': '.'}, "
            f"got {check.show(runtime_env)}"
        )
    return dict(runtime_env)


class RayConnection:
    """Connects a fleet to Ray. The last one to close ends the connection, unless the program made it."""

    def __init__(self, where: str, runtime_env: dict[str, Any] | None) -> None:
        """Connects.

        Raises:
            FreshframeError: Ray is not there, or the cluster.
            OptionError: The program is connected through Ray Client, or RAY_ADDRESS asks for it.
            StateError: The program is connected, and a runtime_env is given.
        """
        self.ray = load_ray(where)
        ray = self.ray
        if ray.util.client.ray.is_connected():
            raise _refuse_client("this program has called ray.init() with such an address")
        if ray.is_initialized():
            if runtime_env is not None:  # Ray takes folders from the whole job only
                raise StateError(
                    "the program is connected to Ray already: give runtime_env to its ray.init(), or let "
                    "the fleet connect"
                )
            with _lock:  # another fleet may use it: the last one ends it
                if _own:
                    _own.append(self)
            return
        address = _resolved(where)
        if address.startswith(_CLIENT):
            raise _refuse_client(f"RAY_ADDRESS is {address!r}")
        refused = (
            f"cannot connect to the Ray cluster {address!r}: {{}}. `ray start --head` begins one, and "
            "Fleet(agents=2) needs none"
        )
        options: dict[str, Any] = {}
        if address != "auto":
            host = _split_host(address)
            try:
                socket.create_connection((host, int(address.rpartition(":")[2])), _REACH).close()
            except (OSError, ValueError) as error:  # Ray would try for minutes, and end the process then
                raise FreshframeError(refused.format(error)) from error
            if is_this_machine(host):
                options["_node_ip_address"] = host
        try:
            ray.init(
                address,
                namespace=NAMESPACE,
                runtime_env=runtime_env,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **options,
            )
        except Exception as error:
            with contextlib.suppress(Exception):
                ray.shutdown()
            raise FreshframeError(refused.format(" ".join(str(error).split()))) from error
        with _lock:
            _own[:] = [self]

    def own_address(self) -> str:
        """The address of this machine that the others reach."""
        return str(self.ray.util.get_node_ip_address())

    @property
    def is_open(self) -> bool:
        """Whether it is. Ray would connect by itself, to any cluster that it finds."""
        return bool(self.ray.is_initialized())

    def close(self) -> None:
        """Ends the connection with its last user. Idempotent."""
        with _lock:
            if self not in _own:
                return
            _own.remove(self)
            if _own:
                return
        with contextlib.suppress(Exception):
            self.ray.shutdown()


def _resolved(where: str) -> str:
    """The cluster that "auto" names, if one is named."""
    return os.environ.get("RAY_ADDRESS") or where if where == "auto" else where


def _split_host(address: str) -> str:
    return address.removeprefix(_CLIENT).rpartition(":")[0].strip("[]")
