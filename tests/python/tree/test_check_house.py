"""tools/check_house.py: the product stays within the limits."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("lizard")  # ./dev lint installs both
pytest.importorskip("tree_sitter")
ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))
from check_house import ENOUGH, LIMITS, SHORT, SMALL, compare, cpp_classes, measure, written  # noqa: E402


def house(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def complaints(folder: Path, listed: dict[str, dict[str, int]] | None = None) -> list[str]:
    return compare(measure(folder), listed or {})[0]


def cpp_class(methods: int = 0, fields: int = 0) -> str:
    lines = [f"  const Part* part_{n}(int x) const;" for n in range(methods)]
    lines += [f"  std::function<int(int)> field_{n}_ FRESHFRAME_GUARDED_BY(mutex_);" for n in range(fields)]
    long_enough = "\n" * SMALL
    return "namespace freshframe {\nclass Large final {\n" + "\n".join(lines) + "\n};\n}\n" + long_enough


def cpp_function(branches: int) -> str:
    lines = [f"  if (x == {n}) return {n};" for n in range(1, branches)]
    return "int branched(int x) {\n" + "\n".join(lines) + "\n  return 0;\n}\n" + "\n" * SMALL


def python_function(branches: int) -> str:
    lines = [f"    if x == {n}:\n        return {n}\n" for n in range(1, branches)]
    return "def branched(x):\n" + "".join(lines) + "    return 0\n"


def test_members_of_every_form_are_counted() -> None:
    text = b"""struct Whole {
  Whole();
  ~Whole();
  template <typename T>
  void put(T value) { }
  [[nodiscard]] bool full() const noexcept FRESHFRAME_REQUIRES(mutex_);
  friend class Other;
  using Place = int;
  void (*call)(int) = nullptr;
  std::function<int(int)> answer_;
  int a_ = 0, b_ = 0;
  struct Part { int x; };
};"""
    assert dict((name, counts) for name, *counts in cpp_classes(text)) == {
        "Whole": [4, 4],
        "Whole::Part": [0, 1],
    }


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"src/core/edge/a.hpp": cpp_class(methods=46)}, "Large: methods 46, at most 45"),
        ({"src/core/edge/a.hpp": cpp_class(fields=41)}, "Large: fields 41, at most 40"),
        (
            {
                "python/p/a.py": "class Low:\n" + "".join(f"  def f{n}(self): ...\n" for n in range(30)),
                "python/p/b.py": "class High(Low):\n"
                + "".join(f"  def g{n}(self): ...\n" for n in range(30)),
            },
            "High: methods 60, at most 45",
        ),
        (
            {
                "python/p/a.py": "class Life:\n" + "".join(f"  def f{n}(self): ...\n" for n in range(46)),
                "python/p/b.py": "class Life:\n  def f(self): ...\n",
            },
            "python/p/a.py Life: methods 46, at most 45",
        ),
        (
            {
                "python/p/a.py": "class Life:\n" + "".join(f"  def f{n}(self): ...\n" for n in range(44)),
                "python/p/b.py": "class Life:\n  def f(self): ...\n",
                "python/p/c.py": "class High(Life):\n  def g(self): ...\n  def h(self): ...\n",
            },
            "python/p/c.py High: methods 46, at most 45",
        ),
        ({"src/core/a.cpp": cpp_function(20)}, "src/core/a.cpp branched: branches 20, at most 19"),
        (
            {"src/core/a.cpp": cpp_function(20).replace("{", "{  // #lizard forgives", 1)},
            "branched: branches 20, at most 19",
        ),
        (
            {"src/core/a.cpp": cpp_function(20).replace(" {", " FRESHFRAME_REQUIRES(m) {", 1)},
            "branched: branches 20, at most 19",
        ),
        ({"python/p/a.py": python_function(20)}, "python/p/a.py branched: branches 20, at most 19"),
        ({"web/a.js": "x\n" * 601}, "web/a.js: lines 601, at most 600"),
        (
            {
                "src/core/a/a.hpp": '#include "core/b/b.hpp"\n',
                "src/core/b/b.hpp": '#include "core/a/a.hpp"\n',
            },
            "core/a and core/b: mutual includes 1, at most 0",
        ),
        (
            {"src/core/a.cpp": "// What it is for.\n// licence\nint x;\n\n// Of the edge.\nint y;\n"},
            "src/core: fragments in percent 100, at most 2",
        ),
        ({"src/core/a.hpp": "\n" * (SMALL - 1)}, "src/core: small ideas 1, at most 0"),
        ({"src/core/a.cpp": "\n" * (SMALL - 1)}, "src/core: small ideas 1, at most 0"),
        (
            {"src/core/a.hpp": "\n" * SMALL, "src/core/b.cpp": '#include "core/a.hpp"\n' + "\n" * SMALL},
            "src/core: headers of one file 1, at most 0",
        ),
        (
            {f"python/p/{n}.py": "\n" * (SHORT - 1) for n in range(1 + ENOUGH // (SHORT - 1))},
            "Python: percent of lines in short files 100, at most 50",
        ),
    ],
    ids=[
        "methods",
        "fields",
        "with parents",
        "one of two of a name",
        "with the larger of two parents of a name",
        "branches of C++",
        "branches that lizard is asked to forgive",
        "branches below an annotation",
        "branches of Python",
        "lines",
        "folders",
        "fragments",
        "small header",
        "small file",
        "header of one file",
        "short files",
    ],
)
def test_what_exceeds_a_limit_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    assert [line for line in complaints(house(tmp_path, files)) if said in line]


def test_a_function_with_nineteen_branches_is_accepted(tmp_path: Path) -> None:
    files = {
        "src/core/a.cpp": cpp_function(19),
        "include/freshframe/a.hpp": cpp_function(19),
        "python/p/a.py": python_function(19),
    }
    assert complaints(house(tmp_path, files)) == []
    found = measure(tmp_path)["branches"]
    assert found == {f"{place} branched": 19 for place in files}


def test_a_listed_number_may_shrink_and_not_grow(tmp_path: Path) -> None:
    place = "src/core/a.hpp Large"
    house(tmp_path, {"src/core/a.hpp": cpp_class(methods=50)})
    assert complaints(tmp_path, {"methods": {place: 50}}) == []
    assert complaints(tmp_path, {"methods": {place: 49}}) == [f"{place}: methods 50, at most 49"]
    _, smaller = compare(measure(tmp_path), {"methods": {place: 60}})
    assert smaller["methods"] == {place: 50}
    assert f'"{place}" = 50' in written(smaller)


def test_a_number_within_its_limit_leaves_the_list(tmp_path: Path) -> None:
    house(tmp_path, {"src/core/a.hpp": cpp_class(methods=LIMITS["methods"])})
    assert compare(measure(tmp_path), {"methods": {"src/core/a.hpp Large": 60}}) == ([], {})


def test_a_small_header_for_two_folders_and_a_header_that_its_own_cpp_makes_longer_are_kept(
    tmp_path: Path,
) -> None:
    include = '#include "core/low/a.hpp"\n' + "\n" * SMALL
    files = {
        "src/core/low/a.hpp": "\n",
        "src/core/b/b.cpp": include,
        "src/core/c/c.cpp": include,
        "src/core/d.hpp": "\n" * (SMALL // 2),
        "src/core/d.cpp": '#include "core/d.hpp"\n' + "\n" * (SMALL // 2),
    }
    assert complaints(house(tmp_path, files)) == []
