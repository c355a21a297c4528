"""The programs that make wheels and releases: what they refuse, and what they write."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def tool(name: str) -> ModuleType:
    """A program of tools/ as a module."""
    path = TOOLS / f"{name}.py"
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(f"tool_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses ask for it
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


check = tool("wheel/check_wheel")
bill = tool("wheel/bill")
release = tool("release")


def problems(name: str, **fields: object) -> list[str]:
    """What the check says of a file in a wheel that also has libavutil-1.so.59."""
    binary = check.Binary(name, **fields)
    built = {"libavcodec": "ours", "libcairo": "ours"}
    return list(check.problems_of(binary, {"libavutil-1.so.59"}, built))


def test_symbols_that_an_older_system_lacks_are_found() -> None:
    assert check.too_new({"GLIBC_2.2.5", "GLIBC_2.34", "GCC_3.0", "LIBAVUTIL_59"}) == []
    newer = {"GLIBC_2.35", "GLIBC_2.36", "GLIBCXX_3.4.11", "CXXABI_1.3", "GLIBC_PRIVATE"}
    assert check.too_new(newer) == sorted(newer)
    assert "wants GLIBC_2.36" in problems("freshframe/_native.so", versions={"GLIBC_2.36"})[0]


def test_a_library_that_is_neither_bundled_nor_of_the_system_is_found() -> None:
    assert problems("freshframe/_native.so", needed=["libc.so.6", "libgcc_s.so.1"]) == []
    assert "libstdc++.so.6" in problems("freshframe/_native.so", needed=["libstdc++.so.6"])[0]
    bundled = {"needed": ["libavutil-1.so.59"]}
    assert problems("freshframe/_native.so", **bundled, run_path="$ORIGIN/../freshframe.libs") == []
    assert "looks for its libraries" in problems("freshframe/_native.so", **bundled, run_path="/usr/lib")[0]


def test_the_machines_own_ffmpeg_is_refused_by_its_code_and_by_its_own_word() -> None:
    word = b"libavcodec license: LGPL version 2.1 or later\0"
    ours = {"code": "ours", "data": word}
    assert problems("freshframe.libs/libavcodec-1a2b3c4d.so.61", **ours) == []
    other = problems("freshframe.libs/libavcodec-1a2b3c4d.so.59", code="Debian's", data=word)
    assert other == ["is not the library that tools/wheel/libraries.sh built or took"]
    gpl = b"libavcodec license: GPL version 2 or later\0 --enable-gpl --enable-libx264"
    found = " ".join(problems("freshframe.libs/libavcodec-1a2b3c4d.so.61", code="ours", data=gpl))
    assert "'--enable-gpl'" in found
    assert "'libx264'" in found
    assert "calls its licence ['GPL version 2 or later']" in found
    decoder = word + b"x264 - core %d\0"  # of what made a stream
    assert problems("freshframe.libs/libavcodec-1a2b3c4d.so.61", code="ours", data=decoder) == []
    encoder = word + b"x264 - core %d%s - H.264/MPEG-4 AVC codec\0"
    assert problems("freshframe.libs/libavcodec-1a2b3c4d.so.61", code="ours", data=encoder)
    assert (
        "calls its licence nothing" in problems("freshframe.libs/libavcodec-1a2b3c4d.so.61", code="ours")[0]
    )


def test_a_library_that_no_table_names_is_refused() -> None:
    assert "bundled.py" in problems("freshframe.libs/libx264-1a2b3c4d.so.164", code="ours")[0]
    assert problems("freshframe.libs/libcairo-1a2b3c4d.so.2", code="ours") == []


def test_a_wheel_without_one_of_the_libraries_is_refused() -> None:
    shared = [name for library in tool("wheel/bundled").LIBRARIES for name in library.shared]
    files = {f"{name}-1a2b3c4d.so.1" for name in shared}
    assert check.missing_libraries(files) == []
    assert check.missing_libraries(files - {"libavcodec-1a2b3c4d.so.1"}) == ["libavcodec"]


def test_only_the_bundled_libraries_are_searched_for_parts_under_the_gpl() -> None:
    names = b"an encoder that FFmpeg may have: libx264"
    assert problems("freshframe/_native.so", data=names) == []


def test_the_metadata_of_a_wheel_names_all_licences() -> None:
    text = "Name: freshframe\nLicense-Expression: Apache-2.0\n\nLicense-Expression: body\n"
    found = bill.with_licences(text, ["third-party/cairo.txt"])
    head, body = found.split("\n\n")
    assert "License-Expression: Apache-2.0 AND LGPL-2.1-or-later" in head
    assert "License-File: third-party/cairo.txt" in head
    assert body == "License-Expression: body\n"


def test_a_release_moves_what_is_unreleased_below_its_version() -> None:
    changelog = "# Changelog\n\n## Unreleased\n\n### Added\n\n- one\n\n## 0.1.0 - 2026-01-01\n\n- old\n"
    assert release.unreleased(changelog) == "### Added\n\n- one"
    after = release.with_release(changelog, "0.2.0", "2026-11-21")
    assert release.unreleased(after) == ""
    assert "## 0.2.0 - 2026-11-21\n\n### Added" in after
    with pytest.raises(ValueError, match="no heading"):
        release.unreleased("# Changelog\n")


def test_a_release_knows_which_versions_may_follow() -> None:
    cmake = "project(freshframe VERSION 0.1.9 LANGUAGES CXX)"
    assert release.version_of(cmake) == "0.1.9"
    assert release.version_of(release.with_version(cmake, "0.2.0")) == "0.2.0"
    assert release.next_versions("0.1.9") == {"0.1.9", "0.1.10", "0.2.0", "1.0.0"}
    with pytest.raises(ValueError, match="three numbers"):
        release.parts("0.2")


def test_checksums_are_of_all_files_but_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"")
    (tmp_path / "SHA256SUMS").write_text("old")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert release.checksums(tmp_path) == f"{empty}  a.whl\n"


def test_the_sources_of_a_release_are_those_of_the_libraries_inside() -> None:
    versions = {"gmp": "2:6.2.1+dfsg1-1.1", "pixman": "0.44.0"}
    inside = ["gmp_6.2.1+dfsg1-1.1.dsc", "gmp_6.2.1+dfsg1-1.1.debian.tar.xz", "gmp_6.2.1+dfsg1.orig.tar.xz"]
    inside += ["pixman_0.44.0.orig.tar.gz"]
    others = ["gmp_6.3.0+dfsg-3.dsc", "gmp_6.3.0+dfsg.orig.tar.xz", "dav1d_1.5.1-1.dsc"]
    assert [name for name in inside + others if release.is_source_of(name, versions)] == inside


def test_what_is_linked_into_the_wheel_has_notices_and_a_licence() -> None:
    bundled = tool("wheel/bundled")
    recipes = (TOOLS / "wheel" / "libraries.sh").read_text()
    for library in bundled.LIBRARIES:
        assert library.licence
        assert library.shared or library.inside
        assert library.package or library.name == "nanobind" or f"  library {library.name} " in recipes
    assert bundled.library_of("freshframe.libs/libswscale-1a2b3c4d.so.8.3.100").name == "ffmpeg"
    assert bundled.library_of("freshframe.libs/libdw-0-1a2b3c4d.188.so").name == "elfutils"
    assert bundled.library_of("freshframe.libs/libp11-kit-1a2b3c4d.so.0.3.0").name == "p11-kit"
    assert bundled.library_of("freshframe.libs/libx265-1a2b3c4d.so.199") is None
