"""Writes llms.txt beside the site: all pages in the order of the table of contents, for assistants."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def in_order(page: str, parts: Mapping[str, Sequence[str]], seen: set[str] | None = None) -> Iterator[str]:
    """A page, then those of its tables of contents, each once."""
    seen = set() if seen is None else seen
    if page in seen:
        return
    seen.add(page)
    yield page
    for part in parts.get(page, ()):
        yield from in_order(part, parts, seen)


def whole_text(title: str, pages: Sequence[tuple[str, str]]) -> str:
    """One text of pages with their names."""
    names = "".join(f"- {name}.html\n" for name, _ in pages)
    return f"# {title}\n\nThe text of these pages:\n\n{names}" + "".join(
        f"\n\n<!-- page: {name}.html -->\n\n{text.strip()}\n" for name, text in pages
    )


def write(app: Sphinx, error: Exception | None) -> None:
    """Called by Sphinx when the site is there."""
    if error is None:
        names = in_order(app.config.root_doc, app.env.toctree_includes)
        pages = [(name, Path(app.env.doc2path(name)).read_text(encoding="utf-8")) for name in names]
        text = whole_text(app.config.html_title, pages)
        (Path(app.outdir) / "llms.txt").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
