"""The pages of docs/ together: every example from a page, tables of benchmarks that a program writes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))


def test_every_example_is_linked_from_a_page() -> None:
    linked = set()
    for page in DOCS.rglob("*.md"):
        linked |= set(re.findall(r"\]\([./]*/examples/([\w.]+)", page.read_text(encoding="utf-8")))
    there = {path.name for path in (ROOT / "examples").iterdir() if not path.name.startswith(("_", "."))}
    there -= {"README.md"}
    assert linked >= there


# `./dev docs` writes them, git ignores them.
GENERATED = {DOCS / "reference" / "python.md", DOCS / "development" / "promises.md"}
MARKDOWN = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {"build", ".venv", "shared", "node_modules"} & set(path.relative_to(ROOT).parts)
    and path not in GENERATED
)

CONTRIBUTORS = [
    page for page in MARKDOWN if page == ROOT / "CONTRIBUTING.md" or page.is_relative_to(DOCS / "development")
]


def anchors_on_github(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: dict[str, int] = {}
    anchors = set()
    for heading in re.findall(r"^#+ +(.*?) *#*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = found[slug] = found.get(slug, -1) + 1
        anchors.add(slug if number == 0 else f"{slug}-{number}")
    return anchors | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_relative_link_leads_somewhere_on_github(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() and target not in GENERATED:
            wrong.append(f"{link}: no such file")
        elif target in GENERATED and not target.exists():
            continue  # the build of the site checks its headings
        elif anchor and target.suffix == ".md" and anchor not in anchors_on_github(target):
            wrong.append(f"{link}: no such heading")
    assert wrong == []


TREE_PATH = re.compile(
    r"(?<![\w./-])((?:bench|deploy|docs|examples|fleet|gil|include|python|src|tests|tools|web)/[\w./-]*\w\.\w+)"
)


def gone_paths(text: str) -> list[str]:
    """Returns the files of this tree that a text names, NAME in capitals excepted, and that are gone."""
    text = re.sub(r"`[^`]*`\s+of\s+commit", "", text)
    names = [name for name in TREE_PATH.findall(text) if not re.search("FOLDER|NAME", name)]
    return [name for name in names if not (ROOT / name).exists() and ROOT / name not in GENERATED]


@pytest.mark.parametrize("page", CONTRIBUTORS, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_file_that_a_page_for_contributors_names_exists(page: Path) -> None:
    assert gone_paths(page.read_text(encoding="utf-8")) == []


def test_a_path_that_is_gone_is_found() -> None:
    assert gone_paths("`src/gone.cpp`, tests/python/gone_test.py.") == [
        "src/gone.cpp",
        "tests/python/gone_test.py",
    ]
    assert gone_paths("`tests/cpp/vision/NAME_test.cpp`, `bench/old.py` of commit 1") == []
    assert gone_paths("`src/core/edge/inbox.cpp`, (`docs/development/promises.md`)") == []


def pages_linked_from(page: Path) -> set[Path]:
    """The pages that a reader sees a link to. A hidden table of contents does not count."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)#\s:]+\.md)(?:#[^)]*)?\)", text)
    return {path for link in links if (path := (page.parent / link).resolve()).is_file()}


def test_each_page_is_two_clicks_from_the_index_and_the_index_one_from_the_readme() -> None:
    index = DOCS / "index.md"
    assert index in pages_linked_from(ROOT / "README.md")
    near = {index} | pages_linked_from(index)
    near |= {page for first in near for page in pages_linked_from(first)}
    assert {str(page.relative_to(ROOT)) for page in {*DOCS.rglob("*.md")} - near - GENERATED} == set()


PROSE_LIMIT = 135  # words of a paragraph or a list's item


@pytest.mark.parametrize(
    "page",
    [
        "how-to/several-cameras",
        "how-to/record-cameras",
        "reference/network-sources",
        "reference/joins",
        "reference/spool",
    ],
)
def test_no_paragraph_of_a_long_page_is_a_wall_of_words(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    blocks = [item for block in text.split("\n\n") for item in re.split(r"\n(?=- )", block)]
    prose = [block for block in blocks if "|---" not in block]
    assert [block[:60] for block in prose if len(block.split()) > PROSE_LIMIT] == []


def run_of(peer: str, age: float, number: int = 0) -> dict[str, Any]:
    branch = {"p50_ms": age, "p99_ms": age, "missed": 0, "frames": 300, "counted": 0}
    return {"peer": peer, "trial": "sleep", "round": number, "fast": branch, "slow": branch, "stop_s": None}


@pytest.mark.usefixtures("bench")
def test_a_peer_wins_where_all_its_runs_are_better_and_ties_where_ranges_overlap() -> None:
    import _peer_tables as tables  # noqa: PLC0415

    def verdict(theirs: list[float], ours: list[float]) -> str:
        runs = {
            "cv2_latest": [run_of("cv2_latest", age) for age in theirs],
            "freshframe_next": [run_of("freshframe_next", age) for age in ours],
        }
        return tables.comparisons({"sleep": runs}, "sleep")[0].verdict

    assert verdict([1, 2], [3, 4]) == "wins"
    assert verdict([1, 3], [2, 4]) == "ties"
    assert verdict([3, 4], [1, 2]) == ""


@pytest.mark.usefixtures("bench")
def test_a_goal_that_is_met_in_some_rounds_is_noise() -> None:
    import _peer_tables as tables  # noqa: PLC0415

    assert tables.Goal("age", [(1.0, 2.0), (1.5, 2.0)]).row()[-1] == "met"
    assert tables.Goal("age", [(3.0, 2.0)]).row()[-1] == "missed"
    assert tables.Goal("age", [(3.0, 2.0), (1.0, 2.0)]).row()[-1] == "noise: met in 1 of 2 rounds"
    assert tables.Goal("age", []).row()[-1] == "not measured"


@pytest.mark.usefixtures("bench")
def test_a_stop_that_did_not_end_is_shown_as_longer_than_the_limit() -> None:
    import _peer_tables as tables  # noqa: PLC0415

    assert tables.text(tables.values([run_of("cv2_latest", 1)], "stop_s"), "stop_s") == "> 5"


@pytest.mark.usefixtures("bench")
def test_the_peers_run_goes_on_where_it_ended() -> None:
    import argparse  # noqa: PLC0415

    import peers  # noqa: PLC0415

    options = argparse.Namespace(size="1280x720", fps=60.0, rounds=2, trials=["sleep"])
    names = ["cv2_latest", "freshframe_next"]
    document: dict[str, Any] = {"pieces": []}
    first = list(peers.to_do(document, names, options))
    assert sorted(first) == [(number, "sleep", name) for number in (0, 1) for name in names]
    done = [{"peer": name, "trial": trial, "round": number} for number, trial, name in first[:3]]
    document["pieces"].append({"settings": {"size": "1280x720", "fps": 60.0}, "runs": done})
    assert list(peers.to_do(document, names, options)) == first[3:]
    document["pieces"][0]["settings"]["fps"] = 30.0  # another camera: nothing of this one is done
    assert list(peers.to_do(document, names, options)) == first


@pytest.mark.usefixtures("bench")
def test_each_table_of_a_page_has_a_program_that_writes_it() -> None:
    import _peer_page  # noqa: PLC0415
    import _peer_tables as tables  # noqa: PLC0415

    trials = set(tables.TITLES)
    for page in _peer_page.PAGES:
        found = {part[2] for part in _peer_page.PART.finditer(page.read_text(encoding="utf-8"))}
        assert found
        assert found <= trials | set(_peer_page.parts({"pieces": []}))


@pytest.mark.usefixtures("bench")
def test_a_table_is_written_again_and_the_text_beside_it_stays() -> None:
    import _peer_page  # noqa: PLC0415

    runs = [run_of("cv2_latest", 1.0), run_of("freshframe_next", 3.0)]
    piece = {"settings": {"size": "1280x720", "fps": 60.0, "seconds": 8}, "runs": runs}
    page = "Before.\n<!-- begin: {} -->\nold\n<!-- end -->\nAfter.\n"
    written = _peer_page.page_with({"pieces": [piece]}, page.format("comparison"))
    assert written.startswith("Before.\n<!-- begin: comparison -->\n\n| ")
    assert written.endswith("\n\n<!-- end -->\nAfter.\n")
    assert re.search(r"`cv2_latest` 1 ms \| `freshframe_next` 3 ms \| the peer \|", written)
    assert _peer_page.page_with({"pieces": [piece]}, page.format("other")) == page.format("other")
