"""If an optional package or native module is missing, the message names the command that installs it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gil_budget
import pytest
from rigs.watchdog import run_to_end

import freshframe as ff
from freshframe._interpreter import parts

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
LEFT_OUT = ("_gil", "_numeric")  # not built by ./dev demo


@pytest.fixture(scope="module")
def of_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with the packages as ./dev demo builds them, without the optional ones."""
    folder = tmp_path_factory.mktemp("demo")
    for package in (Path(ff.__file__).parent, Path(gil_budget.__file__).parent):
        (folder / package.name).mkdir()
        for each in package.iterdir():
            if not (each.suffix == ".so" and each.name.startswith(tuple(f"{name}." for name in LEFT_OUT))):
                (folder / package.name / each.name).symlink_to(each)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_to_end([sys.executable, *arguments], env={**os.environ, "PYTHONPATH": str(folder)}, cwd=folder)


@pytest.mark.slow
def test_the_gil_watch_without_its_module_says_what_builds_it(of_demo: Path) -> None:
    (of_demo / "app.py").write_text("print('ran')\n")
    ended = run(of_demo, "-m", "freshframe", "gil", "app.py")
    assert ended.returncode != 0
    assert "pip install 'freshframe[gil]'" in ended.stderr
    assert "./dev build" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_numeric_without_its_module_says_what_builds_it(of_demo: Path) -> None:
    ended = run(of_demo, "-c", "import freshframe as ff; ff.numeric.sum")
    assert ended.stderr.splitlines()[-1] == (
        "ImportError: this build has no freshframe._numeric: run ./dev build, which builds what ./dev demo "
        "leaves out"
    )


def test_a_module_that_is_there_is_loaded() -> None:
    assert parts.native("_numeric") is vars(ff.numeric)["_numeric"]


def test_each_extra_is_named_where_its_package_is_missing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"]
    for package, extra in parts._EXTRAS.items():
        assert parts.install(package) == f"pip install 'freshframe[{extra}]'"
        names = [each.partition(">=")[0].replace("-", "_") for each in wanted[extra]]
        assert names == [package.replace("-", "_")]
    assert sorted(parts._EXTRAS.values()) == sorted(wanted)
    assert parts.install("numba") == "pip install numba"


def test_a_result_for_supervision_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match=r"needs the package supervision: pip install supervision"):
        ff.Detections([[0, 0, 9, 9]], [0.9], [0]).to_supervision()


def test_an_installed_package_that_cannot_be_imported_is_not_called_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "supervision.py").write_text("import no_such_dependency", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "supervision", raising=False)
    with pytest.raises(ImportError, match=r"cannot import the package supervision: .*no_such_dependency"):
        ff.Detections([[0, 0, 9, 9]], [0.9], [0]).to_supervision()
