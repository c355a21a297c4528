"""The programs that make wheels and releases: their refusals and their outputs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from rigs.tool_modules import TOOLS, load_tool
from rigs.watchdog import LONG_WATCHDOG, run_to_end

check = load_tool("wheel/check_wheel")
bill = load_tool("wheel/bill")
release = load_tool("release")


def problems(name: str, **fields: object) -> list[str]:
    """The remarks of the check on a file in a wheel that also has libavutil-1.so.59."""
    binary = check.Binary(name, **fields)
    built = {"libavcodec": "ours", "libcairo": "ours"}
    return list(check.find_problems(binary, {"libavutil-1.so.59"}, built))


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
    decoder = word + b"x264 - core %d\0"  # the words of an encoder that made a stream
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
    shared = [name for library in load_tool("wheel/bundled").LIBRARIES for name in library.shared]
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


@pytest.mark.parametrize(
    "environment", ["build/wheel/python-cp314t", "build/gil_budget/tools-cp315", ".venv"]
)
def test_the_notices_of_nanobind_come_from_an_environment_that_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="in no environment"):
        bill.nanobind()
    described = Path(environment, "lib/python3.14/site-packages/nanobind-1.2.3.dist-info/METADATA")
    described.parent.mkdir(parents=True)
    described.write_text("Name: nanobind\nVersion: 1.2.3\n")
    assert bill.nanobind().version == "1.2.3"


def test_a_bill_with_other_versions_is_found() -> None:
    wanted, found = (
        {"components": [{"name": "zlib", "version": "1"}, {"name": name, "version": version}]}
        for name, version in (("cairo", "2"), ("cairo", "3"))
    )
    assert bill.other_versions(wanted, wanted) == []
    assert bill.other_versions(wanted, found) == ["cairo 2, not 3"]
    assert bill.other_versions({"components": []}, wanted) == ["cairo none, not 2", "zlib none, not 1"]


def test_a_release_moves_the_unreleased_changes_below_its_version() -> None:
    changelog = "# Changelog\n\n## Unreleased\n\n### Added\n\n- one\n\n## 0.1.0 - 2026-01-01\n\n- old\n"
    assert release.unreleased(changelog) == "### Added\n\n- one"
    after = release.with_release(changelog, "0.2.0", "2026-11-21")
    assert release.unreleased(after) == ""
    assert "## 0.2.0 - 2026-11-21\n\n### Added" in after
    with pytest.raises(ValueError, match="no heading"):
        release.unreleased("# Changelog\n")


def test_a_release_refuses_versions_that_may_not_follow() -> None:
    cmake = "project(freshframe VERSION 0.1.9 LANGUAGES CXX)"
    assert release.read_version(cmake) == "0.1.9"
    assert release.read_version(release.with_version(cmake, "0.2.0")) == "0.2.0"
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
    assert [name for name in inside + others if release.is_source(name, versions)] == inside


DEV = """#!/bin/sh
echo "$*" >>calls
[ "$1" != "$REFUSED" ] || exit 3
mkdir -p dist
case $1 in
sdist) echo sources >dist/freshframe-0.2.0.tar.gz ;;
wheel)
  [ "$2" != --gil-budget ] || exec touch dist/gil_budget-0.2.0-cp311$6.whl
  [ "$2" != --fleet ] || exec touch dist/freshframe_fleet-0.2.0-py3-none-any.whl
  mkdir sboms && echo '{}' >sboms/freshframe.cdx.json
  "$3" -m zipfile -c dist/freshframe-0.2.0-cp311$5.whl sboms && rm -r sboms
  ;;
docs) mkdir -p build/docs && echo page >build/docs/index.html ;;
esac
"""
IMAGE = """#!/bin/sh
echo image >>calls
touch dist/freshframe-$2-image-here.tar.gz
"""


def sources(folder: Path, version: str) -> None:
    machines = ["here", "there"] if list(folder.glob("*aarch64.whl")) else ["here"]
    for machine in machines:
        (folder / f"freshframe-{version}-third-party-sources-{machine}.tar").touch()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that can be released; its ./dev writes down its arguments."""
    (tmp_path / "CMakeLists.txt").write_text("project(freshframe VERSION 0.1.0 LANGUAGES CXX)\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- one\n")
    (tmp_path / ".gitignore").write_text("/dist/\n/build/\n/calls\n")
    for folder in ("tools", ".github"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tools/release.toml").write_text('address = "https://example.org/us/freshframe"\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[project.optional-dependencies]\n')
    (tmp_path / "CITATION.cff").write_text("title: freshframe\n")
    (tmp_path / "README.md").write_text(f"git clone {release.CLONE}\n")
    (tmp_path / ".github/CODEOWNERS").write_text("/src/core/ @OWNER/core\n")
    (tmp_path / "tools/image.sh").write_text(IMAGE)
    (tmp_path / "tools/image.sh").chmod(0o755)
    (tmp_path / "dev").write_text(DEV)
    (tmp_path / "dev").chmod(0o755)
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "somebody@example.org")
    for command in (["init", "--quiet", "-b", "main"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "third_party_sources", sources)
    monkeypatch.setattr(release.Release, "check_for_an_index", lambda _, files: print("checked", len(files)))
    monkeypatch.setattr(release.platform, "freedesktop_os_release", lambda: {"VERSION_CODENAME": "bookworm"})
    return tmp_path


def released(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of a release of 0.2.0 with a wheel for this Python."""
    monkeypatch.setattr(sys, "argv", ["release.py", "0.2.0", "--python", sys.executable, *arguments])
    return int(release.main())


def test_a_release_makes_the_version_the_tag_and_the_files(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert released(monkeypatch, "--go") == 0
    calls = (checkout / "calls").read_text().splitlines()
    wheels = [f"wheel{of} --python {sys.executable}" for of in ("", " --gil-budget")]
    assert calls == ["lint", "test --full", "sdist", *wheels, "wheel --fleet", "docs", "image"]
    assert "VERSION 0.2.0" in (checkout / "CMakeLists.txt").read_text()
    assert release.git("describe", "--exact-match") == "v0.2.0"
    assert release.git("status", "--porcelain") == ""
    ends = ["-cp311.cdx.json", "-cp311.whl", "-image-here.tar.gz", "-notes.md", "-site.tar.gz"]
    ends += ["-third-party-sources-here.tar", ".tar.gz"]
    files = ["SHA256SUMS"] + [f"freshframe-0.2.0{end}" for end in ends]
    files += ["freshframe_fleet-0.2.0-py3-none-any.whl", "gil_budget-0.2.0-cp311.whl"]
    assert sorted(path.name for path in (checkout / "dist").iterdir()) == files
    assert (checkout / "dist/freshframe-0.2.0-notes.md").read_text() == "- one\n"
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=checkout / "dist", check=False
    )
    assert checked.returncode == 0


def test_a_release_writes_the_repositorys_address(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert released(monkeypatch, "--go") == 0
    pyproject = (checkout / "pyproject.toml").read_text()
    assert 'Issues = "https://example.org/us/freshframe/issues"\n' in pyproject
    assert release.with_urls(pyproject, "https://example.org/us/freshframe") == pyproject
    assert release.git("show", "HEAD:CITATION.cff").endswith('"https://example.org/us/freshframe"')
    assert release.git("show", "HEAD:.github/CODEOWNERS") == "/src/core/ @us/core"
    assert release.git("show", "HEAD:README.md") == "git clone https://example.org/us/freshframe"
    assert release.CLONE in (TOOLS.parent / "README.md").read_text(encoding="utf-8")


def test_a_release_is_refused_while_the_address_is_not_set(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "tools/release.toml").write_text('address = ""\n')
    subprocess.run(["git", "commit", "--quiet", "-am", "no address"], cwd=checkout, check=True)
    assert released(monkeypatch, "--go") == 1
    assert "tools/release.toml has no address" in capsys.readouterr().err
    assert release.git("tag") == ""
    (checkout / "tools/release.toml").write_text('address = "http://example.org"\n')
    assert released(monkeypatch) == 1
    assert "must be like https" in capsys.readouterr().err


def test_a_release_can_have_a_wheel_for_aarch64(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert released(monkeypatch, "--aarch64", sys.executable, "--go") == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert f"wheel --python {sys.executable} --arch aarch64" in calls
    assert f"wheel --gil-budget --python {sys.executable} --arch aarch64" in calls
    assert (checkout / "dist/freshframe-0.2.0-cp311aarch64.cdx.json").exists()


def test_a_release_that_lacks_a_part_is_none(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "third_party_sources", lambda folder, version: None)
    assert released(monkeypatch, "--go") == 1
    said = capsys.readouterr().err
    assert "dist/ has 0 files freshframe-0.2.0-third-party-sources-*.tar, not 1" in said
    assert "taken back by: git tag --delete v0.2.0" in said


def test_the_parts_of_a_tag_are_made_one_by_one(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changelog = (
        "# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-11-30\n\n- new\n\n## 0.0.1 - 2026-01-01\n\n- old\n"
    )
    (checkout / "CHANGELOG.md").write_text(changelog)
    monkeypatch.setattr(sys, "argv", ["release.py", "v0.1.0", "--make", "notes", "sums"])
    assert release.main() == 0
    notes = checkout / "dist/freshframe-0.1.0-notes.md"
    assert notes.read_text() == "- new\n"
    assert notes.name in (checkout / "dist/SHA256SUMS").read_text()
    monkeypatch.setattr(sys, "argv", ["release.py", "v0.2.0", "--make", "notes"])
    assert release.main() == 1
    assert "the tree is version 0.1.0, not 0.2.0" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["release.py", "v0.1.0", "--make", "bills"])
    assert release.main() == 1  # without a wheel
    assert "bills failed: dist/ has 0 files freshframe-0.1.0-*.cdx.json, not" in capsys.readouterr().err


def test_a_release_has_a_file_for_each_python_and_machine(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = release.Release("0.1.0", ["3.10", "python3", "3.12", "3.14t"], ["3.13"], go=True)
    assert {part: made.count_files(part) for part in release.PARTS if made.count_files(part) > 1} == {
        "wheels": 5,
        "gil-budget": 4,
        "bills": 5,
        "sources": 2,
    }
    (checkout / "dist").mkdir()
    (checkout / "dist/freshframe-0.1.0-cp311-cp311-here.whl").touch()
    monkeypatch.setattr(release, "interpreter", lambda _: sys.executable)  # ./dev makes one wheel for all
    monkeypatch.setattr(
        sys, "argv", ["release.py", "v0.1.0", "--make", "wheels", "--python", "3.10", "--python", "3.12"]
    )
    (checkout / "dev").write_text("#!/bin/sh\n")
    assert release.main() == 1
    assert "wheels failed: dist/ has 1 files freshframe-0.1.0-*.whl, not 2" in capsys.readouterr().err


def test_an_index_is_asked_what_it_refuses(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(release, "ROOT", checkout)
    (checkout / "pyproject.toml").write_text('[dependency-groups]\nindex = ["twine==1.2.3"]\n')
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(release.Release, "run", lambda _, *command: ran.append(command))
    made = release.Release("0.1.0", ["python3"], [], go=True)
    made.check_for_an_index([checkout / "dist/a.whl", checkout / "dist/b.whl"])
    python = str(checkout / "build/index/bin/python")
    files = (str(checkout / "dist/a.whl"), str(checkout / "dist/b.whl"))
    assert ran == [
        ("python3", "-m", "venv", str(checkout / "build/index")),
        (python, "-m", "pip", "install", "--quiet", "twine==1.2.3"),
        (python, "-m", "twine", "check", "--strict", *files),
    ]


def test_what_an_index_and_a_releases_page_show_links_to_the_tag(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = '[a](docs/a.md#b) [c](#c) [d](https://example.com) ["freshframe[onnx]"] <img src="docs/p.webp">\n'
    tree = "https://example.org/us/freshframe"
    wanted = f'[a]({tree}/blob/v0.1.0/docs/a.md#b) [c](#c) [d](https://example.com) ["freshframe[onnx]"]'
    wanted += f' <img src="{tree}/raw/v0.1.0/docs/p.webp">\n'
    head = "Name: freshframe\nVersion: 0.1.0\n"
    urls = f"Project-URL: Issues, {tree}/issues\nProject-URL: Repository, {tree}\n"
    assert bill.for_an_index(f"{head}{urls}\n{page}") == f"{head}{urls}\n{wanted}"
    assert bill.for_an_index(f"{head}\n{page}") == f"{head}\n{page}"
    (checkout / "CHANGELOG.md").write_text(f"# Changelog\n\n## 0.1.0 - 2026-11-30\n\n{page}")
    monkeypatch.setattr(sys, "argv", ["release.py", "0.1.0", "--make", "notes"])
    assert release.main() == 0
    assert (checkout / "dist/freshframe-0.1.0-notes.md").read_text() == wanted


def test_each_link_of_the_readme_leads_to_the_repository_on_an_index() -> None:
    page = (TOOLS.parent / "README.md").read_text(encoding="utf-8")
    shown = bill.with_links(page, "https://example.org/us/freshframe", "0.1.0")
    links = re.findall(r'\]\(([^)]+)\)|\b(?:src|srcset)="([^"]+)"', shown)
    assert len(links) > 20
    assert [link for link in map("".join, links) if not link.startswith(("https://", "#"))] == []


def test_a_hash_that_nobody_compared_is_an_obstacle() -> None:
    settings = '[actions."us/act"]\nversion = "v1.2.3"\nhash = "0"\nverified = {}\n'
    assert list(release.unverified(settings.format("true"))) == []
    (found,) = release.unverified(settings.format("false"))
    assert "git ls-remote https://github.com/us/act refs/tags/v1.2.3" in found


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    for name, umask in (("one", 0o022), ("two", 0o077)):
        old = os.umask(umask)
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below/file").write_text("text")
        os.umask(old)
        os.utime(tmp_path / name / "below/file", (umask, umask))
        release.packed(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    for name, code, text in (("one", 0o100755, 0o100644), ("two", 0o100700, 0o100600)):
        modes = {"x.so": code << 16, "y": text << 16}
        bill.write(tmp_path / f"{name}.whl", {"x.so": b"", "y": b""}, modes, "RECORD")
    assert (tmp_path / "one.whl").read_bytes() == (tmp_path / "two.whl").read_bytes()


def test_without_go_a_release_changes_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert released(monkeypatch) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "This was a dry run" in said.out
    assert release.git("status", "--porcelain", "--ignored") == ""
    assert release.git("tag") == ""


def test_a_release_that_fails_says_how_to_undo_its_steps(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for refused in ("test", "sdist"):
        monkeypatch.setenv("REFUSED", refused)
        assert released(monkeypatch, "--go") == 1
        said = capsys.readouterr().err
        assert f"./dev {refused}" in said
        assert "ended with 3" in said
        subprocess.run(said.strip().rpartition("taken back by: ")[2], shell=True, cwd=checkout, check=True)
        assert release.git("status", "--porcelain") == ""
        assert release.git("tag") == ""
        assert "VERSION 0.1.0" in (checkout / "CMakeLists.txt").read_text()


def test_a_release_refuses_beforehand_interpreters_that_make_no_wheel(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    broken.chmod(0o755)
    found = list(release.unusable(["python0.0", str(broken), sys.executable, sys.executable]))
    assert found[0] == "--python python0.0 cannot be run: No such file or directory"
    assert found[1] == f"--python {broken} ended with 127: no such version"
    assert "make the same wheel, for cp3" in found[2]
    assert len(found) == 3


def test_libraries_linked_into_the_wheel_have_notices_and_a_licence() -> None:
    bundled = load_tool("wheel/bundled")
    recipes = (TOOLS / "wheel" / "libraries.sh").read_text()
    for library in bundled.LIBRARIES:
        assert library.licence
        assert library.shared or library.inside
        assert library.package or library.name == "nanobind" or f"  library {library.name} " in recipes
    assert bundled.find_library("freshframe.libs/libswscale-1a2b3c4d.so.8.3.100").name == "ffmpeg"
    assert bundled.find_library("freshframe.libs/libdw-0-1a2b3c4d.188.so").name == "elfutils"
    assert bundled.find_library("freshframe.libs/libp11-kit-1a2b3c4d.so.0.3.0").name == "p11-kit"
    assert bundled.find_library("freshframe.libs/libx265-1a2b3c4d.so.199") is None


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="only Debian's packages are asked for")
def test_a_wheel_for_another_architecture_names_the_packages_of_its_unpacked_debian(tmp_path: Path) -> None:
    bundled = load_tool("wheel/bundled")
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "usr/lib/aarch64-linux-gnu").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(
        "Package: libgmp10\nStatus: install ok installed\nArchitecture: arm64\nSource: gmp (2:9.8.7-6)\n"
        "Version: 2:9.8.7-6+b1\nMaintainer: a\nDescription: b\n\n"
    )
    origin = bundled.Origin(tmp_path / "prefix", tmp_path)
    gmp = next(library for library in bundled.LIBRARIES if library.name == "gmp")
    assert origin.version(gmp) == "2:9.8.7-6"
    assert origin.notices(gmp) == tmp_path / "usr/share/doc/libgmp10/copyright"
    assert origin.folders == [tmp_path / "usr/lib/aarch64-linux-gnu"]
    assert bundled.Origin(tmp_path).notices(gmp) == Path("/usr/share/doc/libgmp10/copyright")
    compiler = next(library for library in bundled.LIBRARIES if library.cross)
    assert origin.notices(compiler).parent.name == compiler.cross  # the machine that compiled
    assert bundled.Origin(tmp_path).notices(compiler).parent.name == compiler.package


def test_the_servers_of_a_proof_need_no_more_than_is_copied(tmp_path: Path) -> None:
    """In the bare root there is no checkout."""
    script = (TOOLS / "wheel/prove.sh").read_text(encoding="utf-8")
    copied = re.findall(r"^cp tests/python/(rigs[\w/]*)/\{([\w,]+)\}\.py ", script, re.MULTILINE)
    assert len(copied) == 2
    for folder, names in copied:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in names.split(","):
            shutil.copy(TOOLS.parent / "tests/python" / folder / f"{name}.py", tmp_path / folder)
    program = "import rigs.live.faulty_server, rigs.live.rtsp, rigs.live.servers"
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.append('.'); {program}"], cwd=tmp_path, check=True
    )


def test_the_wheels_ffmpeg_decodes_on_a_card_what_the_engine_sends_there() -> None:
    engine = (TOOLS.parent / "src/media/device/card.cpp").read_text()
    names = {"mpeg2video": "mpeg2"}
    wanted = {name.lower() for name in re.findall(r"\{AV_CODEC_ID_(\w+), \d+\}", engine)}
    parts = (TOOLS / "wheel/ffmpeg_parts.txt").read_text()
    lines = [line.split() for line in parts.splitlines()]
    of_cards = {name for kind, *given in filter(None, lines) if kind == "hwaccel" for name in given}
    decoders = {name for kind, *given in filter(None, lines) if kind == "decoder" for name in given}
    assert of_cards == {f"{names.get(name, name)}_nvdec" for name in wanted}
    assert wanted <= decoders


def test_no_version_below_the_oldest_that_serves_is_built() -> None:
    script = (TOOLS / "wheel/libraries.sh").read_text()
    function = re.search(r"^not_below\(\) \{.*?^\}", script, re.MULTILINE | re.DOTALL)
    assert function is not None
    ended = run_to_end(
        ["bash", "-c", f"{function[0]}\nnot_below 12.1.14"],
        input="1:1.0-1\n12.1.14.0-1\n12.1.14~rc1\n11.1.5.2-1\n",
        check=True,
        timeout=LONG_WATCHDOG,
    )
    assert ended.stdout.split() == ["1:1.0-1", "12.1.14.0-1"]


def test_the_wheel_of_gil_budget_takes_no_module_of_a_build_for_development(tmp_path: Path) -> None:
    gil = tmp_path / "gil"
    shutil.copytree(TOOLS.parent / "gil", gil, ignore=shutil.ignore_patterns("*.so", "tests", "src"))
    shutil.copy(TOOLS.parent / "CMakeLists.txt", tmp_path)
    shutil.copy(TOOLS.parent / ".gitignore", tmp_path)
    (gil / "python/gil_budget/_gil.cpython-39-x86_64-linux-gnu.so").write_bytes(b"of another Python")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    settings = ["--config-settings", "wheel.cmake=false", "--wheel-dir", str(tmp_path)]
    subprocess.run([*command, *settings, str(gil)], check=True)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "gil_budget/__init__.py" in names
    assert [name for name in names if name.endswith(".so")] == []


def test_the_wheel_of_gil_budget_is_refused_for_a_python_without_a_gil(tmp_path: Path) -> None:
    python = tmp_path / "python3.14t"
    without_gil = "import sys, sysconfig as s; s.get_config_vars()['Py_GIL_DISABLED'] = 1; exec(sys.argv[2])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{without_gil}" "$@"\n')
    python.chmod(0o755)
    command = [TOOLS.parent / "gil/tools/wheel.sh", python]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.endswith(f"because that has no GIL to watch; got {python}\n")
