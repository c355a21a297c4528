"""The GitHub workflows: pinned actions, least permissions, and what they run and upload."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rigs.watchdog import LONG_WATCHDOG, run_to_end

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
SETTINGS = tomllib.loads((ROOT / "tools/release.toml").read_text(encoding="utf-8"))
# The commands of the workflows that do not need a secret, and when and at which commit each was last run as
# it is, outside of GitHub. Commands with a tag were run in a later commit, which has an address and the
# version's heading in CHANGELOG.md.
RUN = {
    "apt-get update -qq && apt-get install -qq -y --no-install-recommends "
    "ca-certificates git openssl python3-venv": "2026-11-28, eeccee5f",
    "tools/debian_root.sh ./dev demo": "2026-11-27, 70a7c6d3",
    "tools/debian_root.sh ./dev test --all": (
        "2026-11-28, 25e47747, outside of the root; in the root without --all: 2026-11-27, 70a7c6d3"
    ),
    "tools/debian_root.sh ./dev lint --quick": "2026-11-27, 71cc2258",
    'tools/debian_root.sh ./dev release "$GITHUB_REF_NAME" --make wheels gil-budget bills sources': (
        "2026-11-27, f1c0f0d3"
    ),
    'tools/debian_root.sh ./dev release "$GITHUB_REF_NAME" --make sdist fleet notes site': (
        "2026-11-28, 57f79a27, of its part fleet; the others: 2026-11-27, 33d477d3"
    ),
    "tools/wheel/prove.sh 3.10 bookworm 3.12 trixie forky forky-3.15": (
        "2026-11-28, d138f000, one after the other; gil-budget for 3.13 and newer was not there"
    ),
    'tools/release.py "$GITHUB_REF_NAME" --make image': "2026-11-27, f1c0f0d3",
    'tools/release.py "$GITHUB_REF_NAME" --make sums': "2026-11-27, f1c0f0d3",
}
# The write permissions, and the job that has each.
WRITES = {
    ("attest", "id-token"),
    ("attest", "attestations"),
    ("index", "id-token"),
    ("index-budget", "id-token"),
    ("index-fleet", "id-token"),
    ("page", "contents"),
    ("page", "packages"),
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(name, job) for path in WORKFLOWS for name, job in read(path)["jobs"].items()]


def steps() -> list[dict[str, Any]]:
    return [step for _, job in jobs() for step in job.get("steps", [])]


def test_each_action_is_pinned_by_the_hash_of_its_version() -> None:
    used = set()
    for path in WORKFLOWS:
        for line in re.findall(r"^ *- uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found = re.fullmatch(r"([\w/-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
            assert found is not None, line
            action = SETTINGS["actions"][found[1]]
            assert (found[2], found[3]) == (action["hash"], action["version"])
            used.add(found[1])
    assert used == set(SETTINGS["actions"])


def test_nothing_may_be_done_but_what_a_job_needs() -> None:
    found = set()
    for path in WORKFLOWS:
        assert read(path)["permissions"] == {}
    for name, job in jobs():
        assert set(job["permissions"].values()) <= {"read", "write"}
        found |= {(name, what) for what, how in job["permissions"].items() if how == "write"}
        assert "timeout-minutes" in job or "uses" in job
    assert found == WRITES


def test_no_checkout_leaves_its_token_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_each_command_without_a_secret_is_one_that_was_run() -> None:
    commands = {step["run"] for step in steps() if "run" in step and "env" not in step}
    assert commands == RUN.keys()
    for command in commands | {step["run"] for step in steps() if "run" in step}:
        program = next(word for word in command.split() if word != "tools/debian_root.sh")
        assert program == "apt-get" or os.access(ROOT / program, os.X_OK), program


def test_secrets_go_to_the_program_that_publishes_alone() -> None:
    with_secrets = [step["run"] for step in steps() if "env" in step]
    assert with_secrets == [
        f'tools/publish.sh {what} "$GITHUB_REF_NAME"' for what in ("page", "site", "image")
    ]
    for path in WORKFLOWS:
        assert "secrets." not in path.read_text(encoding="utf-8")


def parts() -> dict[str, str]:
    text = (ROOT / "tools/release.py").read_text(encoding="utf-8")
    found = re.search(r"^PARTS = \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return dict(re.findall(r'"([\w-]+)": "(.+)"', found[1]))


def test_the_workflow_makes_each_part_of_a_release_once() -> None:
    made: list[str] = []
    for step in steps():
        if "--make" in step.get("run", ""):
            made += step["run"].partition("--make ")[2].split()
    assert sorted(made) == sorted(parts())


def test_each_file_of_a_release_is_uploaded() -> None:
    """Checks that dist/ has the files that the jobs expect from each part."""
    files = {part: name.format(version="0.1.0").replace("*", "x86_64") for part, name in parts().items()}
    uploaded: set[str] = set()
    to_index: set[str] = set()
    for _, job in jobs():
        made = [
            part
            for step in job.get("steps", [])
            for part in step.get("run", "").partition("--make ")[2].split()
        ]
        there = {f"dist/{files[part]}" for part in made}
        for step in job.get("steps", []):
            if not step.get("uses", "").startswith("actions/upload-artifact@"):
                continue
            assert step["with"]["if-no-files-found"] == "error"
            found: set[str] = set()
            for pattern in step["with"]["path"].split():
                matching = {file for file in there if fnmatch.fnmatch(file, pattern.lstrip("!"))}
                found = found - matching if pattern.startswith("!") else found | matching
            assert found
            uploaded |= found
            if step["with"]["name"].startswith(("index-", "budget-", "fleet-")):
                to_index |= found
    assert uploaded == {f"dist/{name}" for name in files.values()}
    assert to_index == {f"dist/{files[part]}" for part in ("sdist", "wheels", "gil-budget", "fleet")}


def test_a_release_waits_for_the_tests_and_publishes_last() -> None:
    release = read(FOLDER / "release.yml")["jobs"]
    assert release["files"]["needs"] == release["once"]["needs"] == "test"
    assert release["attest"]["needs"] == ["files", "once"]
    index = ["index", "index-budget", "index-fleet"]
    assert {release[job]["needs"] for job in index} == {"attest"}
    assert release["page"]["needs"] == index


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a checkout that publishes its site to `remote`."""
    checkout = tmp_path / "checkout"
    (checkout / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/publish.sh", checkout / "tools")
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote"], check=True)
    monkeypatch.setenv("SITE_REMOTE", str(tmp_path / "remote"))
    return checkout


def publish(checkout: Path, version: str) -> None:
    site = checkout / "site"
    site.mkdir(exist_ok=True)
    (site / "index.html").write_text(version)
    (checkout / "dist").mkdir(exist_ok=True)
    archive = checkout / f"dist/freshframe-{version}-site.tar.gz"
    subprocess.run(["tar", "-czf", archive, "-C", site, "."], check=True)
    subprocess.run([checkout / "tools/publish.sh", "site", f"v{version}"], check=True)


def shown(checkout: Path, path: str) -> str:
    remote = checkout.parent / "remote"
    return run_to_end(
        ["git", "-C", remote, "show", f"gh-pages:{path}"], check=True, timeout=LONG_WATCHDOG
    ).stdout


@pytest.mark.slow
def test_the_site_keeps_each_version_and_latest_is_the_newest(pages: Path) -> None:
    publish(pages, "0.9.0")
    publish(pages, "0.10.0")
    publish(pages, "0.9.1")  # a fix for an older version
    assert [shown(pages, f"{name}/index.html") for name in ("0.9.0", "0.9.1", "0.10.0", "latest")] == [
        "0.9.0",
        "0.9.1",
        "0.10.0",
        "0.10.0",
    ]
    assert re.findall(r'href="([\d.]+)/"', shown(pages, "index.html")) == ["0.9.0", "0.9.1", "0.10.0"]


def test_publishing_is_refused_without_a_version_or_its_files(pages: Path) -> None:
    for arguments, why in (
        (["site", "main"], "a tag is like v0.2.0, got main"),
        (["site", "v0.1.0"], "--make site"),
        (["page", "v0.1.0"], "--make notes"),
        (["all", "v0.1.0"], "got all"),
    ):
        ended = run_to_end([pages / "tools/publish.sh", *arguments], timeout=LONG_WATCHDOG)
        assert ended.returncode == 1
        assert why in ended.stderr


@pytest.fixture
def host(pages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the file that records the commands sent to GitHub."""
    calls = pages.parent / "calls"
    programs = pages.parent / "programs"
    programs.mkdir()
    for name in ("gh", "buildah"):
        text = f'#!/bin/sh\necho "{name} $*" >>{calls}\n[ "$*" != "release view v$ABSENT" ]\n'
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("GITHUB_REPOSITORY", "Us/Freshframe")
    monkeypatch.setenv("GITHUB_ACTOR", "us")
    monkeypatch.setenv("GH_TOKEN", "none")
    source = pages.parent / "source"
    source.mkdir()
    author = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    tags = [["tag", version] for version in ("v0.9.0", "v0.9.1", "v0.10.0", "v0.11.0rc1")]
    commit = [*author, "commit", "--quiet", "--allow-empty", "-m", "all"]
    for command in (["init", "--quiet"], commit, *tags, ["push", "--quiet", "--tags", "../remote"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    (pages / "dist").mkdir()
    for version in ("0.9.1", "0.10.0"):
        (pages / f"dist/freshframe-{version}-notes.md").write_text("notes")
        for machine in ("aarch64", "x86_64"):
            archive = pages / f"dist/freshframe-{version}-image-{machine}.tar"
            archive.write_text("image")
            subprocess.run(["gzip", archive], check=True)
    return calls


def said_to(calls: Path, checkout: Path, what: str, version: str) -> list[str]:
    calls.write_text("")
    subprocess.run([checkout / "tools/publish.sh", what, f"v{version}"], check=True)
    return calls.read_text().splitlines()


@pytest.mark.slow
def test_a_release_becomes_the_newest_only_if_no_version_is_newer(host: Path, pages: Path) -> None:
    for version, newest in (("0.9.1", False), ("0.10.0", True)):
        pushed = [line for line in said_to(host, pages, "image", version) if "manifest push" in line]
        assert any(line.endswith(f"docker://ghcr.io/us/freshframe:{version}") for line in pushed)
        assert any(line.endswith(":latest") for line in pushed) is newest


def test_the_image_of_each_machine_is_pushed_and_named_by_the_version(host: Path, pages: Path) -> None:
    calls = said_to(host, pages, "image", "0.10.0")
    for machine in ("aarch64", "x86_64"):
        name = f"docker://ghcr.io/us/freshframe:0.10.0-{machine}"
        assert sum(line.startswith("buildah push") and line.endswith(name) for line in calls) == 1
        assert f"buildah manifest add ghcr.io/us/freshframe:0.10.0 {name}" in calls


def test_a_page_that_is_there_gets_the_files_again(
    host: Path, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABSENT", "0.10.0")
    (_, made) = said_to(host, pages, "page", "0.10.0")
    assert made.startswith("gh release create v0.10.0 --verify-tag --latest=true --title freshframe 0.10.0")
    (_, again) = said_to(host, pages, "page", "0.9.1")
    assert again.startswith("gh release upload v0.9.1 --clobber dist/freshframe-")


def test_a_site_that_is_there_is_published_again(pages: Path) -> None:
    publish(pages, "0.9.0")
    publish(pages, "0.9.0")
    assert shown(pages, "0.9.0/index.html") == "0.9.0"


def test_a_bare_debian_gets_the_hosts_settings_through_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("id", "echo 1000"), ("sudo", 'echo "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("CI", "DEBIAN_MIRROR", "PIP_INDEX_URL", "GH_TOKEN"):
        monkeypatch.setenv(name, "a value")
    ended = run_to_end([ROOT / "tools/debian_root.sh", "./dev", "test"], check=True, timeout=LONG_WATCHDOG)
    kept = re.findall(r"--preserve-env=(\S+) ", ended.stdout)[0].split(",")
    assert {"CI", "DEBIAN_MIRROR", "PIP_INDEX_URL"} <= set(kept)
    assert "GH_TOKEN" not in kept
    assert ended.stdout.endswith("-- ./dev test\n")


def test_a_machine_without_buildah_gets_it(tmp_path: Path) -> None:
    for name in ("bash", "env", "dirname", "readlink", "uname", "mkdir"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    for name, text in (("id", "echo 1000"), ("sudo", f"printf '%s\\n' \"$*\" >>{tmp_path}/calls")):
        (tmp_path / name).write_text(f"#!{tmp_path}/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/image.sh", tmp_path / "tools")
    ended = run_to_end(
        [tmp_path / "bash", tmp_path / "tools/image.sh", "build", "0.1.0"],
        env={"PATH": str(tmp_path)},
        timeout=LONG_WATCHDOG,
    )
    assert (tmp_path / "calls").read_text() == "-n apt-get update -qq\n-n apt-get install -qq -y buildah\n"
    assert "buildah: command not found" in ended.stderr  # this fake apt-get did not install anything
