"""The image and deploy/compose.yaml: the files that they refer to exist, and their programs run without
containers.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from rigs.ports import free_port
from rigs.watchdog import LONG_WATCHDOG, run_to_end
from support import WATCHDOG, until

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
TOKEN = "a-secret-of-this-test"


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return read


def test_compose_names_files_that_are_there() -> None:
    services = compose()["services"]
    assert sorted(services) == ["grafana", "prometheus", "scene", "server", "watch"]
    for service in services.values():
        for volume in service.get("volumes", []):
            assert (DEPLOY / volume.split(":")[0]).exists(), volume
        for program in [*service.get("entrypoint", []), *service.get("healthcheck", {}).get("test", [])]:
            if program.startswith("/deploy/"):
                assert (DEPLOY / program.removeprefix("/deploy/")).exists(), program
    assert (DEPLOY / compose()["configs"]["prometheus"]["file"]).exists()


def test_each_foreign_image_has_a_version_and_each_port_is_this_machines_alone() -> None:
    for service in compose()["services"].values():
        assert service["image"] == "freshframe" or re.search(r":v?\d+\.\d+\.\d+$", service["image"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_prometheus_and_grafana_find_each_other_and_the_page() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    assert jobs[0]["static_configs"][0]["targets"] == ["watch:8080"]
    targets = [each["target"] for each in compose()["services"]["prometheus"]["configs"]]
    assert jobs[0]["authorization"]["credentials_file"] in targets
    sources = yaml.safe_load((DEPLOY / "grafana/sources.yaml").read_text(encoding="utf-8"))["datasources"]
    assert [source["type"] for source in sources] == ["prometheus"]
    dashboards = yaml.safe_load((DEPLOY / "grafana/dashboards.yaml").read_text(encoding="utf-8"))["providers"]
    folder = dashboards[0]["options"]["path"]
    assert any(f":{folder}/" in volume for volume in compose()["services"]["grafana"]["volumes"])
    assert json.loads((ROOT / "docs/grafana.json").read_text(encoding="utf-8"))["title"] == "freshframe"


def test_the_image_runs_without_rights_and_asks_the_doctor() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    final = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 1000" in final
    assert any(line.startswith("HEALTHCHECK") and '["freshframe", "doctor"]' in line for line in final)


@pytest.mark.slow
def test_the_programs_of_compose_run(tmp_path: Path) -> None:
    port = free_port()
    settings = {"CAMERA": "demo:circles?size=320x240", "TOKEN": TOKEN, "PORT": str(port)}
    environment = os.environ | settings
    healthy = [sys.executable, str(DEPLOY / "healthy.py")]
    with subprocess.Popen([sys.executable, DEPLOY / "watch.py"], env=environment, cwd=tmp_path) as watch:
        try:
            until(
                lambda: (
                    subprocess.run(healthy, env=environment, check=False, capture_output=True).returncode == 0
                ),
                "frames that flow",
            )
            # Prometheus sends the service's name as Host.
            headers = {"Authorization": f"Bearer {TOKEN}", "Host": "watch:8080"}
            request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
            with urllib.request.urlopen(request, timeout=WATCHDOG) as answer:
                assert b"freshframe_" in answer.read()
            wrong = run_to_end(healthy, env=environment | {"TOKEN": "other"}, timeout=LONG_WATCHDOG)
            assert wrong.returncode == 1
            assert "401" in wrong.stderr
        finally:
            watch.terminate()
            assert watch.wait(WATCHDOG) == 0
    ended = subprocess.run(healthy, env=environment, check=False, capture_output=True)
    assert ended.returncode == 1
