"""Support for extensions: the folder with the headers, and the CMake package."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from rigs.native_code import compiled

import freshframe as ff
from freshframe import native


def test_get_include_is_the_folder_for_the_compiler() -> None:
    assert (Path(ff.native.get_include()) / "freshframe/gil.hpp").is_file()


def test_get_cmake_dir_holds_the_package_that_points_at_the_same_headers() -> None:
    folder = Path(ff.native.get_cmake_dir())
    assert (folder / "freshframe-config.cmake").is_file()
    assert (folder / "freshframe-gil.cmake").is_file()
    assert (folder / "freshframe-plugin-api.cmake").is_file()
    assert (folder / "freshframe-config-version.cmake").is_file()
    assert (folder / "../include").resolve() == Path(ff.native.get_include()).resolve()


PYTHON_H = Path(sysconfig.get_path("include")) / "Python.h"


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON_H.exists(), reason="Python's headers are not installed")
def test_the_header_includes_python_h_before_any_standard_header(tmp_path: Path) -> None:
    """Otherwise the compiler warns on Python 3.15, whose Python.h requires a later POSIX version than the C
    library sets.
    """
    (tmp_path / "Python.h").write_text(
        "#pragma once\n"
        "#ifdef _FEATURES_H  // of the C library: every standard header includes it\n"
        "#error a standard header came before Python.h\n"
        "#endif\n"
        f'#include "{PYTHON_H}"\n'
    )
    code = "#include <freshframe/gil.hpp>\n"
    flags = (f"-I{tmp_path}", f"-I{PYTHON_H.parent}", "-std=c++20", "-Wno-missing-field-initializers")
    compiled(tmp_path, code, *flags, language="c++")


def test_an_installation_without_headers_names_the_missing_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(native, "_PACKAGE", str(tmp_path))
    monkeypatch.setattr(native, "_CHECKOUT", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"freshframe/gil\.hpp was not installed.*reinstall"):
        ff.native.get_include()
    with pytest.raises(FileNotFoundError, match=r"freshframe-config\.cmake was not installed"):
        ff.native.get_cmake_dir()
