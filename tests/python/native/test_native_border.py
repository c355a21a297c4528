"""The C interface as compiled into plugins of the first version."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest
from rigs.native_code import compiled
from support import picture, run_node

import freshframe as ff

OLD_BORDER = Path(__file__).with_name("abi_1.h")
# Fields that were reserved (and 0) in the first version, with their current names.
NAMED_SINCE = {"freshframe_stamp.reserved": "damaged"}
STRUCTS = re.findall(
    r"^typedef struct (\w+) \{(.*?)^\} \1;", OLD_BORDER.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def layout(folder: Path, names: dict[str, str], *flags: str) -> dict[str, int]:
    """Returns the offsets of the first version's fields, and its constants, compiled with these flags.

    `names`: Fields that have another name in that header.
    """
    places = {
        (field_name := f"{struct}.{match[1] or match[2]}"): (
            f"offsetof({struct}, {names.get(field_name, match[1] or match[2])})"
        )
        for struct, body in STRUCTS
        for field in re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL).split(";")
        if (match := re.search(r"\(\*(\w+)\)|(\w+)(?:\[4\])?$", field))
    }
    constants = re.findall(r"(FRESHFRAME_(?:OPTION|LOG)_\w+) =", OLD_BORDER.read_text(encoding="utf-8"))
    every = places | {name: name for name in [*constants, "FRESHFRAME_ABI_VERSION"]}
    table = ",".join(f"(int64_t){value}" for value in every.values())
    code = f"#include <freshframe/abi.h>\n#include <stddef.h>\nconst int64_t layout[] = {{{table}}};"
    library = ctypes.CDLL(str(compiled(folder, code, *flags, name=f"layout{len(flags)}")))
    return dict(zip(every, (ctypes.c_int64 * len(every)).in_dll(library, "layout"), strict=True))


def test_the_border_only_grows(tmp_path: Path) -> None:
    old = layout(tmp_path, {}, "-include", str(OLD_BORDER))
    assert old == layout(tmp_path, NAMED_SINCE)
    assert len(old) > 80


def test_a_plugin_of_the_first_version_works(tmp_path: Path) -> None:
    code = Path(__file__).with_name("native_misuse.c").read_text(encoding="utf-8")
    library = compiled(tmp_path, code, "-pthread", "-include", str(OLD_BORDER))
    frame = ff.Frame.from_array(picture(1), "gray")
    (sample,) = run_node(ff.native.node(library, "misuse", how="stride"), [frame])
    assert sample.value == 1
    with pytest.raises(ff.NodeError):
        run_node(ff.native.node(library, "misuse", how="open fails"), [frame])
