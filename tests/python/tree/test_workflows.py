"""The workflows of the repository's host: pinned actions, least permissions, and what they run and upload."""
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

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
SETTINGS = tomllib.loads((ROOT / "tools/release.toml").read_text(encoding="utf-8"))
# Each line that a workflow runs without a secret. A new line stands here once its program was tried without
# the host: on a bare Debian `./dev demo`, `./dev test` and the parts sdist and notes; elsewhere
# `./dev lint --quick`, prove.sh and the parts wheels, site, image and sums.
RUN = {
    "tools/debian_root.sh ./dev demo",
    "tools/debian_root.sh ./dev test",
    "tools/debian_root.sh ./dev lint --quick",
    'tools/debian_root.sh ./dev release "$GITHUB_REF_NAME" --make wheels bills sources',
    'tools/debian_root.sh ./dev release "$GITHUB_REF_NAME" --make sdist notes site',
    "tools/wheel/prove.sh bookworm trixie forky",
    'tools/release.py "$GITHUB_REF_NAME" --make image',
    'tools/release.py "$GITHUB_REF_NAME" --make sums',
}
# What may be written, and which job may do so.
WRITES = {
    ("attest", "id-token"),
    ("attest", "attestations"),
    ("index", "id-token"),
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
    assert commands == RUN
    for command in commands | {step["run"] for step in steps() if "run" in step}:
        program = next(word for word in command.split() if word != "tools/debian_root.sh")
        assert os.access(ROOT / program, os.X_OK), program


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
    return dict(re.findall(r'"(\w+)": "(.+)"', found[1]))


def test_the_workflow_makes_each_part_of_a_release_once() -> None:
    made: list[str] = []
    for step in steps():
        if "--make" in step.get("run", ""):
            made += step["run"].partition("--make ")[2].split()
    assert sorted(made) == sorted(parts())


def test_each_file_of_a_release_is_uploaded() -> None:
    """As the jobs would find them in dist/: the files of the parts that each of them makes."""
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
            if step["with"]["name"].startswith("index-"):
                to_index |= found
    assert uploaded == {f"dist/{name}" for name in files.values()}
    assert to_index == {f"dist/{files[part]}" for part in ("sdist", "wheels")}


def test_a_release_waits_for_the_tests_and_publishes_last() -> None:
    release = read(FOLDER / "release.yml")["jobs"]
    assert release["files"]["needs"] == release["once"]["needs"] == "test"
    assert release["attest"]["needs"] == ["files", "once"]
    assert (release["index"]["needs"], release["page"]["needs"]) == ("attest", "index")


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that publishes its site into `remote`."""
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
    return subprocess.run(
        ["git", "-C", remote, "show", f"gh-pages:{path}"], check=True, capture_output=True, text=True
    ).stdout


def test_the_site_keeps_each_version_and_latest_is_the_newest(pages: Path) -> None:
    publish(pages, "0.9.0")
    publish(pages, "0.10.0")
    publish(pages, "0.9.1")  # a repair of an older one
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
        ended = subprocess.run(
            [pages / "tools/publish.sh", *arguments], check=False, capture_output=True, text=True
        )
        assert ended.returncode == 1
        assert why in ended.stderr
