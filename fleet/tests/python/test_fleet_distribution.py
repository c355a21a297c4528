"""The distribution freshframe-fleet: its imports, and the message if it is missing."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.watchdog import run_to_end
from support import run_program

import freshframe as ff
import freshframe_fleet
from freshframe import _agent

ENGINE = Path(ff.__file__).parent
FLEET = Path(freshframe_fleet.__file__).parent


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yields the absolute imports of a file: modules and names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.module or "", alias.name) for alias in node.names)


def of_engine() -> set[tuple[str, str]]:
    """Returns the imports of the engine in fleet/."""
    found = {each for path in FLEET.rglob("*.py") for each in imported(path)}
    return {each for each in found if each[0].partition(".")[0] == "freshframe"}


@pytest.mark.slow
def test_fleet_imports_public_names_and_what_the_engine_lends() -> None:
    for module, name in of_engine() - {("freshframe", ""), ("freshframe", "_agent")}:
        home: object = _agent if module == "freshframe._agent" else ff
        for part in module.split(".")[1:] if home is ff else ():
            assert part in ff._MODULES, module
            home = getattr(home, part)
        assert name == "__version__" or name in home.__all__, (module, name)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_engine_lends_nothing_that_fleet_does_not_import() -> None:
    names = {name for module, name in of_engine() if module == "freshframe._agent"}
    names |= {
        node.attr
        for path in FLEET.rglob("*.py")
        if ("freshframe", "_agent") in imported(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "engine"
    }
    assert names == set(_agent.__all__)


@pytest.mark.slow
def test_the_engine_imports_fleet_in_its_face_alone() -> None:
    faces = {
        path.relative_to(ENGINE).as_posix()
        for path in ENGINE.rglob("*.py")
        for module, _ in imported(path)
        if module.partition(".")[0] == "freshframe_fleet"
    }
    assert faces == {"fleet.py"}


def test_each_name_of_the_package_is_in_the_face() -> None:
    assert [name for name in freshframe_fleet.__all__ if not hasattr(ff.fleet, name)] == []
    assert ff.fleet.Fleet is freshframe_fleet.Fleet
    assert set(freshframe_fleet.__all__) <= set(dir(ff.fleet))
    with pytest.raises(ImportError, match=r"'freshframe\.fleet' is not a package"):
        importlib.import_module("freshframe.fleet._fleet")  # a second class Fleet
    with pytest.raises(AttributeError, match="has no attribute 'Flet'"):
        ff.fleet.Flet  # type: ignore[attr-defined]  # noqa: B018


@pytest.fixture(scope="module")
def without_fleet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Returns the environment of programs that have only freshframe."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "freshframe").symlink_to(ENGINE)
    (folder / "freshframe_fleet.py").write_text(
        "raise ModuleNotFoundError('No module named freshframe_fleet', name='freshframe_fleet')\n"
    )
    return {**os.environ, "PYTHONPATH": str(folder)}


SAYS = "freshframe.fleet needs the package freshframe-fleet: pip install freshframe-fleet"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "last", "code"),
    [
        (["-c", "from freshframe.fleet import Fleet"], f"freshframe.MissingPackageError: {SAYS}", 1),
        (["-c", "import freshframe as ff; ff.fleet"], f"freshframe.MissingPackageError: {SAYS}", 1),
        (["-m", "freshframe", "fleet"], f"freshframe fleet: {SAYS}", 2),
        (["-m", "freshframe", "fleet", "--help"], f"freshframe fleet: {SAYS}", 2),
        (["-m", "freshframe", "fleet", "run", "app.py", "--agents", "2"], f"freshframe fleet: {SAYS}", 2),
        (["-m", "freshframe", "doctor", "--help"], "", 0),
        (["-c", "import freshframe as ff; ff.stats.prometheus_collector, dir(ff)"], "", 0),
    ],
)
def test_without_it_the_engine_says_what_to_install(
    without_fleet: dict[str, str], arguments: list[str], last: str, code: int
) -> None:
    ended = run_to_end([sys.executable, *arguments], env=without_fleet)
    assert ended.stderr.splitlines()[-1:] == ([last] if last else [])
    assert ended.returncode == code


def import_fleet_of(folder: Path) -> Any:
    """Imports Fleet from a folder. Its versions may have one size and time, so no bytecode is kept."""
    path = {"PYTHONPATH": f"{folder}:{ENGINE.parent}", "PYTHONDONTWRITEBYTECODE": "1"}
    return run_to_end([sys.executable, "-c", "from freshframe.fleet import Fleet"], env=os.environ | path)


@pytest.mark.slow
def test_an_error_within_the_package_is_not_taken_for_its_absence(tmp_path: Path) -> None:
    (tmp_path / "freshframe_fleet.py").write_text("import nothing_of_this_name\n")
    ended = import_fleet_of(tmp_path)
    assert ended.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'nothing_of_this_name'"


@pytest.mark.slow
def test_another_version_is_refused(tmp_path: Path) -> None:
    # Only an installed package has this file.
    (tmp_path / "freshframe_fleet").mkdir()
    for each in FLEET.iterdir():
        if each.name != "_version.py":
            (tmp_path / "freshframe_fleet" / each.name).symlink_to(each)
    for version, said in (
        ("0.0.1", f"freshframe-fleet 0.0.1 needs freshframe 0.0.1, but {ff.__version__} is installed: "),
        (ff.__version__, ""),
    ):
        (tmp_path / "freshframe_fleet" / "_version.py").write_text(f'VERSION = "{version}"\n')
        ended = import_fleet_of(tmp_path)
        assert said in ended.stderr
        assert ended.returncode == bool(said), ended.stderr


@pytest.mark.slow
def test_an_agent_loads_no_controller_and_a_local_fleet_no_sites() -> None:
    program = """
        import sys
        {}
        print([name for name in sys.modules if name.startswith("freshframe_fleet.") and ({})])
    """
    for imports, unwanted in (
        ("import freshframe_fleet._agent.process", "'controller' in name or name.endswith('._fleet')"),
        ("import freshframe; freshframe.fleet.Fleet", "'_sites' in name"),
    ):
        ended = run_program(program.format(imports, unwanted))
        assert (ended.code, ended.out) == (0, "[]\n"), ended.err
