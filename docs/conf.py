"""Settings of the documentation's site: `./dev docs` builds it from the repository's root."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

project = "freshframe"
author = "the freshframe developers"
copyright = author  # noqa: A001  (Sphinx's name)
version = re.findall(r"VERSION (\d+\.\d+\.\d+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))[0]
root_doc = "docs/index"
_PROJECT = ("CONTRIBUTING", "CHANGELOG", "ROADMAP", "SECURITY", "CODE_OF_CONDUCT")
include_patterns = ["docs/**", "examples/*/README.md", *(f"{name}.md" for name in _PROJECT)]
exclude_patterns = ["docs/conf.py", "**/.venv", "**/build"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "_cpp_headers",
    "_whole_text",
]

html_theme = "furo"
html_title = f"freshframe {version}"
html_copy_source = False
html_extra_path = ["site"]  # the redirect from the top
html_search_scorer = str(ROOT / "docs" / "search_scores.js")
html_theme_options = {"footer_icons": []}

myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_use_ivar = True
napoleon_attr_annotations = False  # "numpy.str_" would be a link
napoleon_custom_sections = ["GIL"]


def copy_pictures(app: Sphinx, _error: Exception | None) -> None:
    """Sphinx copies no pictures that pages name in HTML: one for dark pages and one for light ones."""
    shutil.copytree(ROOT / "docs" / "pictures", Path(app.outdir) / "docs" / "pictures", dirs_exist_ok=True)


def append_sidebar(_app: Sphinx, page: str, source: list[str]) -> None:
    """Adds the tables of contents to the front page. On GitHub they would be visible as code."""
    if page == root_doc:
        source[0] += "\n" + (ROOT / "docs" / "sidebar.txt").read_text(encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", append_sidebar)
    app.connect("build-finished", copy_pictures)
