"""The files that GitHub reads: code owners, issue forms, the citation."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path

from freshframe._gil_watch.interpreter import PYTHONS, PYTHONS_TEXT

ROOT = Path(__file__).parents[3]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_each_layer_has_an_owner_and_each_owned_path_exists() -> None:
    owned = dict(
        line.split() for line in text_of(".github/CODEOWNERS").splitlines() if line[:1] in ("*", "/")
    )
    layers = {f"/src/{path.name}/" for path in (ROOT / "src").iterdir() if path.is_dir()} | {"/gil/"}
    assert layers - set(owned) == set()
    assert [path for path in owned if path != "*" and not (ROOT / path.strip("/")).exists()] == []
    assert len({owner.split("/")[0] for owner in owned.values()}) == 1  # @OWNER, until a release replaces it


def test_the_forms_of_issues_ask_for_doctor() -> None:
    forms = [
        path.name for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"
    ]
    assert sorted(forms) == ["fault.yml", "question.yml", "wish.yml"]
    for form in forms:
        assert "freshframe doctor" in text_of(f".github/ISSUE_TEMPLATE/{form}")


def test_every_place_names_the_same_versions_of_python() -> None:
    for project in ("pyproject.toml", "gil/pyproject.toml"):
        named = re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', text_of(project))
        assert tuple((3, int(minor)) for minor in named) == PYTHONS, project
    for page in ("README.md", "CMakeLists.txt", "CHANGELOG.md", "gil/README.md"):
        assert PYTHONS_TEXT in " ".join(text_of(page).split()), page


def test_the_authors_are_the_developers_everywhere() -> None:
    name = "the freshframe developers"
    assert f'authors = [{{ name = "{name}" }}]' in text_of("pyproject.toml")
    assert f'authors = [{{ name = "{name}" }}]' in text_of("gil/pyproject.toml")
    assert f'  - name: "{name}"' in text_of("CITATION.cff")
    assert f'author = "{name}"' in text_of("docs/conf.py")


def test_the_repositorys_address_stands_only_in_the_settings_of_releases() -> None:
    assert re.findall(r"^address = ", text_of("tools/release.toml"), re.MULTILINE) == ["address = "]
    if '\naddress = ""\n' in text_of("tools/release.toml"):
        assert "[project.urls]" not in text_of("pyproject.toml")
        assert "repository-code" not in text_of("CITATION.cff")


def test_the_roadmap_has_at_most_ten_lines() -> None:
    assert len(re.findall(r"^\d+\. .+$", text_of("ROADMAP.md"), re.MULTILINE)) <= 10
