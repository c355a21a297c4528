"""The C++ reference of the site: the directive `cppheader` shows what a public header declares.

libclang reads the header, and the text is its comments: `///` above a declaration, `//` beside a member.
Declarations become directives of Sphinx's C++ domain, so that names can be linked to. A public header that no
page shows is a warning, and so is a class without a comment. Warnings are errors.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from clang import cindex
from clang.cindex import CursorKind as Kind
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

INCLUDE = Path(__file__).parents[1] / "include"
HEADERS = INCLUDE / "freshframe"
INTERNAL = {"forks.hpp"}  # gil.hpp includes it; programs need not
CLASSES = {
    Kind.CLASS_DECL: "class",
    Kind.STRUCT_DECL: "struct",
    Kind.CLASS_TEMPLATE: "class",
}
FUNCTIONS = {
    Kind.FUNCTION_DECL,
    Kind.CXX_METHOD,
    Kind.CONSTRUCTOR,
    Kind.CONVERSION_FUNCTION,
    Kind.FUNCTION_TEMPLATE,
}
NAMED = {Kind.ENUM_DECL: "enum-class", Kind.ENUM_CONSTANT_DECL: "enumerator"}
VALUES = {Kind.FIELD_DECL: "member", Kind.VAR_DECL: "var"}
ALIASES = {Kind.TYPE_ALIAS_DECL, Kind.TYPEDEF_DECL, Kind.TYPE_ALIAS_TEMPLATE_DECL}
LOG = logging.getLogger(__name__)


@cache
def compiler_includes() -> tuple[str, ...]:
    """Where the compiler's own headers lie: the wheel of libclang has none."""
    for command in (["clang++", "-print-file-name=include"], ["g++", "-print-file-name=include"]):
        try:
            found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            continue
        return ("-isystem", found)
    return ()


@cache
def python_include() -> tuple[str, ...]:
    """gil.hpp includes Python.h."""
    import sysconfig  # noqa: PLC0415

    return ("-isystem", sysconfig.get_path("include"))


class Header:
    """One public header."""

    def __init__(self, path: Path) -> None:
        """Reads and parses it."""
        self.path = path
        self.data = path.read_bytes()
        options = ["-x", "c++", "-std=c++20", f"-I{INCLUDE}", *compiler_includes(), *python_include()]
        self.unit = cindex.Index.create().parse(str(path), options)
        self.undocumented: list[str] = []

    def purpose(self) -> str:
        """Its first comment."""
        lines = []
        for line in self.data.decode().splitlines():
            if not line.startswith("// ") or "SPDX" in line:
                break
            lines.append(line[3:])
        return " ".join(lines)

    def markdown(self) -> str:
        """All that it declares, as directives."""
        lines = []
        for namespace, cursors in self.namespaces():
            lines += [f"```{{cpp:namespace}} {namespace}", "```", ""]
            for cursor in cursors:
                lines += self.shown(cursor, 0)
        return "\n".join(lines)

    def namespaces(self) -> Iterator[tuple[str, list[Any]]]:
        """Public namespaces with their declarations, in the order of the file."""

        def walk(cursor: Any, name: str) -> Iterator[tuple[str, Any]]:
            for child in cursor.get_children():
                if child.location.file is None or child.location.file.name != str(self.path):
                    continue
                if child.kind == Kind.NAMESPACE:
                    inner = f"{name}::{child.spelling}" if name else child.spelling
                    if child.spelling not in ("detail", "core", ""):
                        yield from walk(child, inner)
                elif child.kind in (Kind.LINKAGE_SPEC, Kind.UNEXPOSED_DECL):
                    yield from walk(child, name)
                elif name:
                    yield name, child

        groups: list[tuple[str, list[Any]]] = []
        for name, cursor in walk(self.unit.cursor, ""):
            if not groups or groups[-1][0] != name:
                groups.append((name, []))
            groups[-1][1].append(cursor)
        yield from groups

    # --- text of one declaration ----------------------------------------------------------------------------

    def source(self, cursor: Any) -> str:
        """The declaration without its body, on one line."""
        begin, end = cursor.extent.start.offset, cursor.extent.end.offset
        for child in cursor.get_children():
            body = child.extent.start.offset
            # A defaulted function may have a body that stands within the word "default".
            if child.kind == Kind.COMPOUND_STMT and self.data[body : body + 1] == b"{":
                end = min(end, body)
        text = self.data[begin:end].decode()
        text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
        text = re.sub(r"\[\[.*?\]\]|\bFRESHFRAME_\w+(\((?:[^()]|\([^()]*\))*\))?", "", text, flags=re.DOTALL)
        if cursor.kind == Kind.CONSTRUCTOR:
            text = re.sub(r"\)(\s*noexcept)?\s*:\s.*", r")\1", text, flags=re.DOTALL)
        text = re.sub(r"\b(inline|virtual|friend)\s+", "", text)
        text = " ".join(text.split()).rstrip(";").strip()
        return re.sub(r"\s*=\s*(default|\{\..*\}|std::tuple\{.*\})?$", "", text)

    def comment(self, cursor: Any) -> str:
        """Returns the comment above or beside it."""
        if raw := cursor.raw_comment:
            lines = [
                re.sub(r"^\s*(///?|/\*\*?|\*/|\*)<? ?", "", line).replace("*/", "")
                for line in raw.splitlines()
            ]
            return "\n".join(lines).strip()
        offset = cursor.extent.end.offset
        rest = self.data[offset:].decode().split("\n")
        behind = re.match(r"[;,]?\s*//\s?(.*)", rest[0])
        if not behind:
            return ""
        lines = [behind[1]]
        for line in rest[1:]:
            more = re.match(r"\s{12,}//\s?(.*)", line)
            if not more:
                break
            lines.append(more[1])
        return " ".join(lines)

    @staticmethod
    def escaped(text: str) -> str:
        """No HTML in Markdown outside of code."""
        parts = re.split(r"(`[^`]*`)", text)
        return "".join(part if part.startswith("`") else part.replace("<", r"\<") for part in parts)

    def signature(self, cursor: Any) -> tuple[str, str] | None:
        """(directive, signature); None means not shown."""
        kind = cursor.kind
        if kind in CLASSES:
            return self.class_signature(cursor)
        if kind in NAMED:
            return NAMED[kind], cursor.spelling
        text = self.source(cursor)
        if kind in FUNCTIONS:
            return None if self.is_plumbing(cursor, text) else ("function", text)
        shown: dict[Any, str] = {kind: re.sub(r"\{\s*\}", "{}", text) for kind in VALUES}
        shown |= {kind: re.sub(r"\busing\s+", "", text) for kind in ALIASES}
        shown[Kind.CONCEPT_DECL] = re.sub(r"\s*concept\s+(\w+)\s*=.*", r" \1", text)
        directive = VALUES.get(kind, "concept" if kind == Kind.CONCEPT_DECL else "type")
        return (directive, shown[kind]) if kind in shown else None

    def class_signature(self, cursor: Any) -> tuple[str, str] | None:
        """Name and bases; None means declared only, or a specialisation."""
        if not cursor.is_definition():
            return None
        text = self.source(cursor).split("{", 1)[0].strip()
        if "template <>" in text:
            return None
        word = re.search(r"\b(class|struct)\s+(?=\w+\s*(final)?\s*(:|$))", text)
        if word is None:
            return None
        return word[1], (text[: word.start()] + text[word.end() :]).strip()

    @staticmethod
    def is_plumbing(cursor: Any, text: str) -> bool:
        """Copies, moves, comparison, what is deleted."""
        name = cursor.spelling
        parent = cursor.semantic_parent.spelling
        copies = cursor.kind == Kind.CONSTRUCTOR and re.search(rf"\({parent}\s*&&|\(const {parent}\s*&", text)
        return bool(
            "= delete" in text or name.startswith("operator") or copies or name.startswith("<deduction")
        )

    @staticmethod
    def is_member_behind_its_class(cursor: Any) -> bool:
        """The definition of a member that its class has shown already."""
        owner, place = cursor.semantic_parent, cursor.lexical_parent
        if owner is None or place is None:
            return False
        return owner.kind in CLASSES and place.kind not in CLASSES

    def shown(self, cursor: Any, depth: int) -> list[str]:
        """The directive of a declaration and of its public members."""
        if cursor.access_specifier in (cindex.AccessSpecifier.PRIVATE, cindex.AccessSpecifier.PROTECTED):
            return []
        if self.is_member_behind_its_class(cursor):
            return []
        found = self.signature(cursor)
        if found is None:
            return []
        directive, signature = found
        fence = "`" * (9 - 2 * depth)
        text = self.comment(cursor)
        if directive in ("class", "struct") and not text:
            self.undocumented.append(f"{directive} {cursor.spelling}")
        lines = [f"{fence}{{cpp:{directive}}} {signature}", "", *self.escaped(text).split("\n"), ""]
        if directive in ("class", "struct", "enum-class"):
            for child in cursor.get_children():
                lines += self.shown(child, depth + 1)
        return [*lines, fence, ""]


class CppHeader(SphinxDirective):
    """A header of include/freshframe: `gil.hpp` shows those of the folder `gil` too."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The include line, the purpose and the declarations."""
        name = self.arguments[0]
        parts = sorted((HEADERS / name).with_suffix("").glob("*.hpp"))
        shown: list[nodes.Node] = []
        for path in [HEADERS / name, *parts]:
            header = Header(path)
            self.env.note_dependency(str(path))
            one = path.relative_to(HEADERS).as_posix()
            self.env.__dict__.setdefault("cpp_headers_shown", set()).add(one)
            title = f"`#include <freshframe/{one}>`" if path not in parts else f"**{one}**"
            text = f"{title}\n\n{header.escaped(header.purpose())}\n\n{header.markdown()}"
            for missing in header.undocumented:
                LOG.warning("%s: %s has no comment", path, missing)
            shown += self.parse_text_to_nodes(text)
        return shown


def check_all_shown(app: Sphinx, env: Any) -> None:
    """Warns of headers that no page shows."""
    shown = getattr(env, "cpp_headers_shown", set())
    for path in sorted({*HEADERS.rglob("*.hpp"), *(HEADERS / "gil").glob("*.hpp")}):
        name = path.relative_to(HEADERS).as_posix()
        if name not in shown | INTERNAL:
            LOG.warning("no page shows the public header %s", name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("cppheader", CppHeader)
    app.connect("env-check-consistency", check_all_shown)
    return {"parallel_read_safe": False}
