"""Fleets: many cameras on several agents, each a process with its own pipelines. See Fleet.

``pip install freshframe-fleet`` installs them, as the package freshframe_fleet.
"""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from ._interpreter import fork as _fork
from ._interpreter import parts as _parts

try:
    import freshframe_fleet as _package
except ModuleNotFoundError as _error:
    if _error.name != "freshframe_fleet":
        raise
    raise _parts.missing("freshframe.fleet", "freshframe-fleet") from None

if _typing.TYPE_CHECKING:
    from freshframe_fleet import *  # noqa: F403
else:
    __all__ = _package.__all__

    def __getattr__(name: str) -> _typing.Any:
        """Looks up a name in freshframe_fleet. Setting __path__ instead would import its modules twice."""
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_package, name)


def _command_line(parser: _typing.Any) -> None:
    """Adds the subcommands of `freshframe fleet` to its parser."""
    with _fork.explaining(), _fork.loading():
        from freshframe_fleet import _command  # noqa: PLC0415  (a program does not load it)

    _command.add_to(parser)


def __dir__() -> list[str]:
    """Lists the public names of the package."""
    return dir(_package)
