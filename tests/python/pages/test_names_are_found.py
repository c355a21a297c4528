"""Every public name, option, method and statistic is shown as code on a page, so a search finds it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import freshframe as ff

DOCS = Path(__file__).parents[3] / "docs"
GENERATED = ("python.md", "promises.md")  # generated from the names, so they prove nothing
CODE = re.compile(r"`[^`\n]+`|^```.*?^```", re.MULTILINE | re.DOTALL)


def shown() -> set[str]:
    pages = (page for page in DOCS.rglob("*.md") if page.name not in GENERATED)
    code = (part for page in pages for part in CODE.findall(page.read_text(encoding="utf-8")))
    return {word for part in code for word in re.findall(r"\w+", part)}


def parameters(call: Any) -> Iterator[str]:
    try:
        yield from inspect.signature(call).parameters
    except (TypeError, ValueError):  # a native function without a signature
        return


def names() -> Iterator[tuple[str, str]]:
    """Yields (place, name) of each public name."""
    for name in ff.__all__:
        public = getattr(ff, name)
        yield "freshframe", name
        if not inspect.isclass(public):
            yield from ((name, option) for option in parameters(public))
            continue
        yield from ((name, option) for option in parameters(public.__init__))
        for member, value in vars(public).items():
            if not member.startswith("_"):
                yield name, member
                yield from ((f"{name}.{member}", option) for option in parameters(value))
    for name, public in vars(ff.stats).items():
        if dataclasses.is_dataclass(public):
            yield from ((f"stats.{name}", field.name) for field in dataclasses.fields(public))


def test_each_name_option_and_statistic_is_in_a_page() -> None:
    found = shown() | {"self", "args", "kwargs"}
    assert sorted({f"{place}: {name}" for place, name in names() if name not in found}) == []
