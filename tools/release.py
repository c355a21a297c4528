#!/usr/bin/env python3
"""Makes a release: version, changelog, tag, and its parts in dist/: wheels, sources, notes, site, image.

Without --go, it only prints its steps, and whether they could succeed. It does not publish anything; pushing
the tag does: .github/workflows/release.yml makes the same parts with --make and uploads them.

    tools/release.py 0.2.0 --python python3.11 --python 3.13
    tools/release.py 0.2.0 --python python3.11 --python 3.13 --aarch64 python3.11 --go
    tools/release.py v0.2.0 --make sdist notes
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import datetime
import gzip
import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = re.compile(r"(project\(freshframe VERSION )(\d+\.\d+\.\d+)")
UNRELEASED = "## Unreleased\n"
URLS = re.compile(r"\[project\.urls\]\n(?:.+\n)*\n")
PLACES = {"Documentation": "docs/index.md", "Changelog": "CHANGELOG.md"}  # besides repository and issues
# The files in dist/ at the end, by the part of a release that makes them. The workflow uploads the same
# files.
PARTS = {
    "sdist": "freshframe-{version}.tar.gz",
    "wheels": "freshframe-{version}-*.whl",
    "gil-budget": "gil_budget-{version}-*.whl",
    "fleet": "freshframe_fleet-{version}-py3-none-any.whl",
    "bills": "freshframe-{version}-*.cdx.json",
    "sources": "freshframe-{version}-third-party-sources-*.tar",
    "notes": "freshframe-{version}-notes.md",
    "site": "freshframe-{version}-site.tar.gz",
    "image": "freshframe-{version}-image-*.tar.gz",
    "sums": "SHA256SUMS",
}
TO_AN_INDEX = ("sdist", "wheels", "gil-budget", "fleet")
# Parts that one call of ./dev makes.
BY_DEV = {"sdist": ("sdist",), "fleet": ("wheel", "--fleet"), "site": ("docs",)}
FAILURES = (subprocess.CalledProcessError, ValueError, OSError)  # failures of a step
TAG = """import sys, sysconfig
kind = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
own = "cp%d%d%s" % (*sys.version_info[:2], kind)
print("cp312-abi3" if sys.version_info >= (3, 12) and not kind else own)"""


def read_version(cmake: str) -> str:
    """Returns the version in CMakeLists.txt, the only place that contains it."""
    found = PROJECT.search(cmake)
    if found is None:
        raise ValueError("CMakeLists.txt has no line 'project(freshframe VERSION ...'")
    return found[2]


def with_version(cmake: str, version: str) -> str:
    """Returns CMakeLists.txt with the version of a release."""
    return PROJECT.sub(rf"\g<1>{version}", cmake, count=1)


def unreleased(changelog: str) -> str:
    """Returns the text below "Unreleased"."""
    _, found, rest = changelog.partition(UNRELEASED)
    if not found:
        raise ValueError(f"CHANGELOG.md has no heading {UNRELEASED.strip()!r}")
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0].strip()


def with_release(changelog: str, version: str, day: str) -> str:
    """Returns the changelog with an empty "Unreleased" above a new heading for the version."""
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n## {version} - {day}\n", 1)


def find_notes(changelog: str, version: str) -> str:
    """Returns the changelog's text about a version, for its release page."""
    _, found, rest = changelog.partition(f"\n## {version} - ")
    if not found:
        raise ValueError(f"CHANGELOG.md has no heading '## {version} - DAY'")
    return re.split(r"^## ", rest.partition("\n")[2], maxsplit=1, flags=re.MULTILINE)[0].strip() + "\n"


def links_to(address: str, text: str, version: str) -> str:
    """Returns a text whose relative links lead to the repository."""
    sys.path.insert(0, str(Path(__file__).parent / "wheel"))
    from bill import with_links  # noqa: PLC0415

    return str(with_links(text, address, version))


def is_free_threaded(python: str) -> bool:
    """Returns True for a free-threaded Python, judging by its name."""
    return re.search(r"\dt$", python) is not None


def packed(folder: Path, archive: Path) -> None:
    """Packs a folder as a .tar.gz. The same files result in the same bytes."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    # The gzip header does not contain the file name.
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder), recursive=False, filter=plain)


def read_address(settings: str) -> str:
    """Returns the repository's address in tools/release.toml; empty until it is set."""
    address = str(tomllib.loads(settings)["address"])
    if address and not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+", address):
        wanted = "https://HOST/OWNER/NAME"
        raise ValueError(f"the address in tools/release.toml must be like {wanted}, got {address!r}")
    return address


def list_pythons(settings: str, key: str = "pythons") -> list[str]:
    """Returns the interpreters that a release has wheels for."""
    return list(tomllib.loads(settings).get(key, ["python3"]))


def unverified(settings: str) -> Iterator[str]:
    """Yields actions in the workflows whose hash was not verified for its version."""
    for name, action in tomllib.loads(settings).get("actions", {}).items():
        if not action["verified"]:
            yield (
                f"{name} {action['version']} is not verified: compare its hash with git ls-remote "
                f"https://github.com/{name} refs/tags/{action['version']}, then say so in tools/release.toml"
            )


def with_urls(pyproject: str, address: str) -> str:
    """Returns pyproject.toml with the URLs that a package index shows."""
    urls = {"Repository": address, "Issues": f"{address}/issues"}
    urls |= {name: f"{address}/blob/main/{path}" for name, path in PLACES.items()}
    table = "[project.urls]\n" + "".join(f'{name} = "{url}"\n' for name, url in urls.items()) + "\n"
    mark = "[project.optional-dependencies]\n"
    return URLS.sub("", pyproject).replace(mark, table + mark, 1)


def with_repository(citation: str, address: str) -> str:
    """Returns CITATION.cff with the repository's address as its last line."""
    rest = re.sub(r"^repository-code:.*\n", "", citation, flags=re.MULTILINE)
    return f'{rest}repository-code: "{address}"\n'


def with_owner(owners: str, address: str) -> str:
    """Returns CODEOWNERS with teams of the repository's owner."""
    return re.sub(r"@[\w-]+/", f"@{address.split('/')[3]}/", owners)


def with_clone(readme: str, address: str) -> str:
    """Returns README.md with the address for `git clone` and the badge of the tests."""
    return readme.replace(CLONE, address)


CLONE = "https://github.com/OWNER/freshframe"  # until the first release
ADDRESSED = {
    "pyproject.toml": with_urls,
    "CITATION.cff": with_repository,
    ".github/CODEOWNERS": with_owner,
    "README.md": with_clone,
}


def parts(version: str) -> tuple[int, ...]:
    """Returns the numbers of a version such as 1.2.3."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ValueError(f"a version is three numbers such as 0.2.0, got {version!r}")
    return tuple(int(part) for part in version.split("."))


def next_versions(current: str) -> set[str]:
    """Returns the semantic versions that may follow, and the current one if it was never released."""
    major, minor, patch = parts(current)
    return {current, f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0", f"{major + 1}.0.0"}


def git(*arguments: str) -> str:
    """Returns the output of git."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def obstacles(version: str, pythons: Sequence[str]) -> Iterator[str]:
    """Yields the reasons why this version cannot be released from this tree with wheels for these Pythons."""
    current = read_version((ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    if version not in next_versions(current):
        yield f"{version} does not follow {current}; possible are {', '.join(sorted(next_versions(current)))}"
    if not unreleased((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")):
        yield "CHANGELOG.md has nothing below 'Unreleased'"
    if not read_address((ROOT / "tools/release.toml").read_text(encoding="utf-8")):
        yield "tools/release.toml has no address of the repository"
    yield from unverified((ROOT / "tools/release.toml").read_text(encoding="utf-8"))
    if changes := git("status", "--porcelain"):
        yield f"the tree has changes that are not committed: {len(changes.splitlines())} files"
    if git("tag", "--list", f"v{version}"):
        yield f"the tag v{version} exists"
    if (system := platform.freedesktop_os_release()).get("VERSION_CODENAME") != "bookworm":
        yield f"wheels are built on Debian 12; this is {system.get('PRETTY_NAME', 'another system')}"
    yield from unusable(pythons)


def interpreter(name: str) -> str:
    """Returns the path of an interpreter such as 3.14t, which tools/interpreters.sh builds.

    Other names are programs.
    """
    if not re.fullmatch(r"3\.\d+t?", name):
        return name
    command = [str(ROOT / "tools/interpreters.sh"), name]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return ended.stdout.strip()


def unusable(pythons: Sequence[str]) -> Iterator[str]:
    """Yields interpreters that cannot be run, and those whose wheel would be overwritten by another one's."""
    tags: dict[str, str] = {}
    for python in pythons:
        if re.fullmatch(r"3\.\d+t?", python):  # tools/interpreters.sh builds it
            continue
        try:
            ended = subprocess.run([python, "-c", TAG], capture_output=True, text=True, check=False)
        except OSError as error:
            yield f"--python {python} cannot be run: {error.strerror}"
            continue
        if ended.returncode != 0:
            describe_failure = (ended.stderr.strip().splitlines() or ["no message"])[0]
            yield f"--python {python} ended with {ended.returncode}: {describe_failure}"
            continue
        tag = ended.stdout.strip()
        if tag in tags:
            yield f"--python {python} and {tags[tag]} make the same wheel, for {tag}"
        tags[tag] = python


def describe_failure(error: Exception) -> str:
    """Returns the reason for a failed step."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"{shlex.join(map(str, error.cmd))} ended with {error.returncode}"
    return str(error)


def checksums(folder: Path) -> str:
    """Returns lines for `sha256sum --check`."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def copy_bills(folder: Path) -> None:
    """Copies each wheel's bill of materials next to the wheel."""
    for path in folder.glob("freshframe-*.whl"):
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if name.endswith("sboms/freshframe.cdx.json")]
            if not names:
                raise ValueError(f"{path.name} has no bill of materials")
            path.with_suffix(".cdx.json").write_bytes(wheel.read(names[0]))


def is_source(file: str, versions: Mapping[str, str]) -> bool:
    """Returns True if a file belongs to a source package of this version. Others may be next to it."""
    name, _, rest = file.partition("_")
    version = versions.get(name, "").split(":")[-1]
    if not version:
        return False
    upstream = version.rsplit("-", 1)[0]
    return rest.startswith((f"{version}.dsc", f"{version}.debian.", f"{upstream}.orig.", f"{upstream}.orig-"))


def third_party_sources(folder: Path, version: str) -> None:
    """Packs the sources of the libraries in the wheels, as required by the LGPL, with the build scripts."""
    sys.path.insert(0, str(ROOT / "tools/wheel"))
    from bill import version as version_of_library  # noqa: PLC0415
    from bundled import ALL_LIBRARIES, Origin  # noqa: PLC0415

    packages = [library.package for library in ALL_LIBRARIES if library.package and "LGPL" in library.licence]
    origins = {platform.machine(): Origin(ROOT / "build/wheel/prefix")}
    if platform.machine() != "aarch64" and any("aarch64" in path.name for path in folder.glob("*.whl")):
        origins["aarch64"] = Origin(ROOT / "build/wheel/aarch64/prefix", ROOT / "build/aarch64/root")
    for machine, origin in origins.items():
        command = ["tools/wheel/libraries.sh", "sources", *packages]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "ARCH": machine}, check=True)
        versions = {library.name: version_of_library(origin, library) for library in ALL_LIBRARIES}
        archive = folder / f"freshframe-{version}-third-party-sources-{machine}.tar"
        with tarfile.open(archive, "w") as tar:
            for path in sorted((ROOT / "build/wheel/download").iterdir()):
                if path.is_file() and is_source(path.name, versions):
                    tar.add(path, f"third-party-sources/{path.name}")
            for path in sorted([*(ROOT / "tools/wheel").iterdir(), *(ROOT / "tools/aarch64").iterdir()]):
                if path.is_file():
                    tar.add(path, f"third-party-sources/{path.relative_to(ROOT)}")


class Release:
    """The steps of a release. Each prints its commands, and runs them if `go` is set."""

    def __init__(
        self, version: str, pythons: list[str], aarch64: list[str], go: bool, budgets: list[str] | None = None
    ) -> None:
        """Stores the options. `budgets`: the Pythons for gil-budget; None means those with a GIL."""
        self.version = version
        self.pythons = pythons
        self.budgets = (
            [name for name in pythons if not is_free_threaded(name)] if budgets is None else budgets
        )
        self.aarch64 = aarch64
        self.go = go
        self.dist = ROOT / "dist"
        self.undo = ""  # the command that undoes the steps so far

    def run(self, *command: str) -> None:
        """Runs a program, or only prints it."""
        print("  $", " ".join(command))
        if self.go:
            subprocess.run(command, cwd=ROOT, check=True)

    def write(self, name: str, text: str) -> None:
        """Writes a file of the tree, or only prints its name."""
        print(f"  write {name}")
        if self.go:
            (ROOT / name).write_text(text, encoding="utf-8")

    def write_address(self) -> None:
        """Writes the repository's address into each file that shows it."""
        address = ""
        if self.go:
            address = read_address((ROOT / "tools/release.toml").read_text(encoding="utf-8"))
        for name, with_it in ADDRESSED.items():
            self.write(name, with_it((ROOT / name).read_text(encoding="utf-8"), address) if address else "")

    def all_steps(self) -> None:
        """Runs all steps in order."""
        day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        print(f"1. version {self.version} and its changelog")
        cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        self.undo = shlex.join(["git", "restore", "CMakeLists.txt", "CHANGELOG.md", *ADDRESSED])
        self.write("CMakeLists.txt", with_version(cmake, self.version))
        self.write("CHANGELOG.md", with_release(changelog, self.version, day))
        self.write_address()
        print("2. every test")
        self.run("./dev", "lint")
        self.run("./dev", "test", "--full")
        print("3. commit and tag")
        self.run("git", "commit", "--quiet", "-am", f"release {self.version}")
        self.undo = "git reset --keep HEAD~"
        self.run("git", "tag", "-a", f"v{self.version}", "-m", f"freshframe {self.version}")
        self.undo = f"git tag --delete v{self.version}; git reset --keep HEAD~"
        print("4. the parts, in an empty dist/")
        self.run("rm", "-rf", "dist")
        for part in PARTS:
            self.make(part)
        print("Nothing is published. The pushed tag makes the same parts elsewhere, and publishes them:")
        branch = git("branch", "--show-current") or "main"
        print(f"  git push origin {branch} v{self.version}")

    def make(self, part: str) -> None:
        """Makes one part in dist/."""
        name = PARTS[part].format(version=self.version)
        print(f"  part {part}: {name}")
        if part in BY_DEV:
            self.run("./dev", *BY_DEV[part])
        elif part == "wheels":
            for python in self.pythons:
                self.run("./dev", "wheel", "--python", self.program(python))
            for python in self.aarch64:
                self.run("./dev", "wheel", "--python", self.program(python), "--arch", "aarch64")
        elif part == "gil-budget":
            for python in self.budgets:
                self.run("./dev", "wheel", "--gil-budget", "--python", self.program(python))
            for python in self.aarch64:
                arguments = ["--python", self.program(python), "--arch", "aarch64"]
                self.run("./dev", "wheel", "--gil-budget", *arguments)
        elif part == "image":
            self.run("tools/image.sh", "build", self.version)
        if self.go:
            self.dist.mkdir(exist_ok=True)
            self.write_part(part)
            files, wanted = sorted(self.dist.glob(name)), self.count_files(part)
            if len(files) < wanted:
                raise ValueError(f"dist/ has {len(files)} files {name}, not {wanted}")
            if part in TO_AN_INDEX:
                self.check_for_an_index(files)

    def program(self, python: str) -> str:
        """Returns the interpreter, which is built if necessary; in a dry run, its name."""
        return interpreter(python) if self.go else python

    def count_files(self, part: str) -> int:
        """Returns how many files a part has: one for each Python, for each machine, or one."""
        if part in ("wheels", "bills"):
            return len(self.pythons) + len(self.aarch64)
        if part == "gil-budget":
            return len(self.budgets) + len(self.aarch64)
        return 2 if part == "sources" and self.aarch64 else 1

    def check_for_an_index(self, files: Sequence[Path]) -> None:
        """Checks that a package index would accept their metadata and render their README."""
        environment = ROOT / "build/index"
        with (ROOT / "pyproject.toml").open("rb") as file:
            [twine] = tomllib.load(file)["dependency-groups"]["index"]
        if not environment.exists():
            self.run("python3", "-m", "venv", str(environment))
        program = str(environment / "bin/python")
        self.run(program, "-m", "pip", "install", "--quiet", twine)
        self.run(program, "-m", "twine", "check", "--strict", *(str(path) for path in files))

    def write_part(self, part: str) -> None:
        """Writes a part that no other program makes."""
        name = self.dist / PARTS[part].format(version=self.version)
        if part == "bills":
            copy_bills(self.dist)
        elif part == "sources":
            third_party_sources(self.dist, self.version)
        elif part == "notes":
            notes = find_notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), self.version)
            if address := read_address((ROOT / "tools/release.toml").read_text(encoding="utf-8")):
                notes = links_to(address, notes, self.version)
            name.write_text(notes, encoding="utf-8")
        elif part == "site":
            packed(ROOT / "build/docs", name)
        elif part == "sums":
            name.write_text(checksums(self.dist), encoding="utf-8")
            print(name.read_text(encoding="utf-8"), end="")


def make_parts(release: Release, parts: Sequence[str]) -> int:
    """Makes parts of a version, which must be the version of the tree."""
    tree = read_version((ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    if release.version != tree:
        print(f"release: the tree is version {tree}, not {release.version}", file=sys.stderr)
        return 1
    try:
        for part in parts:
            release.make(part)
    except FAILURES as error:
        print(f"release: {part} failed: {describe_failure(error)}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="such as 0.2.0, or its tag v0.2.0")
    parser.add_argument(
        "--python",
        action="append",
        dest="pythons",
        help="an interpreter to build for, or a version such as 3.14t; default: those of tools/release.toml",
    )
    parser.add_argument(
        "--aarch64",
        action="append",
        default=[],
        metavar="PYTHON",
        help="also wheels for aarch64, cross-built: an interpreter, or a version such as 3.14t, from 3.10 on",
    )
    parser.add_argument("--go", action="store_true", help="do it")
    parser.add_argument("--make", nargs="+", choices=PARTS, metavar="PART", help=f"only: {', '.join(PARTS)}")
    options = parser.parse_args()
    options.version = options.version.removeprefix("v")
    settings = (ROOT / "tools/release.toml").read_text(encoding="utf-8")
    pythons = options.pythons or list_pythons(settings)
    budgets = None if options.pythons else list_pythons(settings, "gil_budget")
    if options.make:
        return make_parts(Release(options.version, pythons, options.aarch64, True, budgets), options.make)
    try:
        parts(options.version)
        found = list(obstacles(options.version, pythons))
        found += unusable(options.aarch64)
    except ValueError as error:
        found = [str(error)]
    for obstacle in found:
        print(f"release: {obstacle}", file=sys.stderr)
    if found and options.go:
        return 1
    release = Release(options.version, pythons, options.aarch64, options.go, budgets)
    try:
        release.all_steps()
    except FAILURES as error:
        print(f"release: {describe_failure(error)}", file=sys.stderr)
        if options.go:
            print(f"release: the steps so far are taken back by: {release.undo}", file=sys.stderr)
        return 1
    if not options.go:
        print("This was a dry run; --go does it.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
