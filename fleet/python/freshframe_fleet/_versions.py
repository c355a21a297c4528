"""Refuses an engine of another version: the import raises a MissingPackageError."""

# SPDX-License-Identifier: Apache-2.0
from freshframe import MissingPackageError, __version__

try:
    from ._version import VERSION  # type: ignore[import-not-found]  # of the wheel alone
except ModuleNotFoundError:
    VERSION = __version__

if __version__ != VERSION:
    raise MissingPackageError(
        f"freshframe-fleet {VERSION} needs freshframe {VERSION}, but {__version__} is installed: "
        f"pip install freshframe-fleet=={__version__}",
        name="freshframe_fleet",
    )
