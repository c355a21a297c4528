"""The folders of the headers and of the CMake package, for extension projects."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_CHECKOUT = os.path.dirname(os.path.dirname(_PACKAGE))


def _find(folder: str, file: str) -> str:
    """The package's own `folder`; in a checkout the one of the source tree."""
    for root in (_PACKAGE, _CHECKOUT):
        if os.path.isfile(os.path.join(root, folder, file)):
            return os.path.join(root, folder)
    raise FileNotFoundError(
        f"{file} was not installed with freshframe, which lies in {_PACKAGE}; reinstall it with pip"
    )


def get_include() -> str:
    """The folder for the compiler's ``-I``: headers for extensions and for native nodes.

    ``freshframe/gil.hpp`` needs C++20 and Python.h, and serves any extension: nanobind, pybind11 or plain C
    API. ``freshframe/plugin.hpp`` (C++17) and ``freshframe/abi.h`` (C11) make native nodes and need no
    library.

    Raises:
        FileNotFoundError: This installation has no headers.
    """
    return _find("include", os.path.join("freshframe", "gil.hpp"))


def get_cmake_dir() -> str:
    """The folder with ``freshframe-config.cmake``, for ``-Dfreshframe_DIR=...``.

    ``find_package(freshframe CONFIG REQUIRED)`` then gives the targets ``freshframe::gil``, for extension
    modules, and ``freshframe::plugin_api``, for libraries of native nodes.

    Raises:
        FileNotFoundError: This installation has no CMake package.
    """
    return _find("cmake", "freshframe-config.cmake")
