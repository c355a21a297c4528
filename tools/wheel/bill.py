"""Adds the licences of everything in a wheel, and a bill of materials (CycloneDX), to the wheel.

Links in the wheel's description, which is README.md, are changed to lead to the repository.

Prints the path of the finished wheel.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import importlib.metadata
import io
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

from bundled import COMMON_LICENCES, LIBRARIES, Library, Origin, find_library

EXPRESSION = (
    "Apache-2.0 AND LGPL-2.1-or-later AND LGPL-3.0-or-later AND MPL-1.1 AND BSD-3-Clause AND BSD-2-Clause "
    "AND MIT AND Zlib AND IJG AND BSL-1.0 "
    "AND (GPL-3.0-or-later WITH GCC-exception-3.1)"
)


def recorded(origin: Origin, library: Library, name: str) -> str:
    """Returns what libraries.sh recorded about a library; empty if it did not build the library."""
    path = origin.prefix / "share" / "freshframe-wheel" / library.name / name
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""


def nanobind() -> importlib.metadata.Distribution:
    """Returns nanobind from one of the environments in which modules are built."""
    folders = [
        *Path("build").glob("wheel/python-*"),
        *Path("build").glob("gil_budget/tools-*"),
        Path(".venv"),
    ]
    for folder in (site for root in folders for site in root.glob("lib/python*/site-packages")):
        for found in importlib.metadata.distributions(name="nanobind", path=[str(folder)]):
            return found
    raise SystemExit("bill.py: nanobind is in no environment of build/wheel or build/gil_budget")


def notices(origin: Origin, library: Library) -> str:
    """Returns the copyright notices of a library."""
    if library.name == "nanobind":
        files = nanobind().files or []
        return next(f.read_text() for f in files if f.name == "LICENSE" and "licenses" in str(f))
    if library.package:
        text = origin.notices(library).read_text(encoding="utf-8")
        # The notices of all of Boost are 2 MB; the parts used here have a single licence.
        return (
            text[text.index("Boost Software License - Version") :][:1600]
            if library.licence == "BSL-1.0"
            else text
        )
    text = recorded(origin, library, "copyright")
    if not text:
        raise SystemExit(f"bill.py: libraries.sh kept no copyright notices of {library.name}")
    return text


def version(origin: Origin, library: Library) -> str:
    """Returns a library's version: Debian's, or that of the Python package."""
    if library.name == "nanobind":
        return nanobind().version
    if library.package:
        return origin.version(library)
    return recorded(origin, library, "version")


def component(origin: Origin, library: Library, files: dict[str, bytes]) -> dict[str, Any]:
    """Returns the CycloneDX description of a library."""
    number = version(origin, library)
    entry: dict[str, Any] = {
        "type": "library",
        "name": library.name,
        "version": number,
        "licenses": [{"expression": library.licence}],
        "purl": f"pkg:pypi/{library.name}@{number}"
        if library.name == "nanobind"
        else f"pkg:deb/debian/{library.name}@{number}?arch=source",
        "properties": [],
    }
    archives = [line.split() for line in recorded(origin, library, "sha256").splitlines()]
    entry["externalReferences"] = [
        {"type": "source-distribution", "url": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
        for digest, name in archives
    ]
    for name, data in files.items():
        if find_library(name) is library and ".libs/" in name:
            digest = hashlib.sha256(data).hexdigest()
            entry["properties"].append({"name": "freshframe:file", "value": f"{name} sha256:{digest}"})
    for where in library.inside:
        entry["properties"].append({"name": "freshframe:linked-into", "value": where})
    return entry


def bill(origin: Origin, files: dict[str, bytes], wheel_version: str) -> dict[str, Any]:
    """Returns the whole bill of materials."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "name": "freshframe",
                "version": wheel_version,
                "licenses": [{"expression": "Apache-2.0"}],
                "purl": f"pkg:pypi/freshframe@{wheel_version}",
            }
        },
        "components": [component(origin, library, files) for library in LIBRARIES],
    }


def other_versions(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Returns the libraries that have different versions in two bills."""
    before, now = ({each["name"]: each["version"] for each in bill["components"]} for bill in (wanted, found))
    return [
        f"{name} {before.get(name, 'none')}, not {now.get(name, 'none')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def with_licences(metadata: str, names: list[str], expression: str = EXPRESSION) -> str:
    """Returns METADATA with a licence expression for everything inside, and a line per licence file."""
    head, separator, body = metadata.partition("\n\n")
    lines = [
        f"License-Expression: {expression}" if x.startswith("License-Expression:") else x
        for x in head.split("\n")
    ]
    return "\n".join([*lines, *(f"License-File: {name}" for name in names)]) + separator + body


def with_links(text: str, repository: str, version: str) -> str:
    """Returns the text with links to the repository, because a package index does not show the tree."""
    text = re.sub(r"\]\((?![a-z]+:|#)", f"]({repository}/blob/v{version}/", text)
    return re.sub(r'\b(src|srcset)="(?![a-z]+:)', rf'\1="{repository}/raw/v{version}/', text)


def for_an_index(metadata: str) -> str:
    """Returns METADATA whose description has absolute links, if METADATA contains the repository."""
    head, separator, description = metadata.partition("\n\n")
    fields = dict(re.findall(r"^(Version: |Project-URL: Repository, )(.+)$", head, re.MULTILINE))
    if "Project-URL: Repository, " in fields:
        description = with_links(description, fields["Project-URL: Repository, "], fields["Version: "])
    return head + separator + description


def write(path: Path, files: dict[str, bytes], modes: dict[str, int], record: str) -> None:
    """Writes a wheel with a RECORD of all files. The same input results in the same bytes."""
    rows = io.StringIO()
    lines = csv.writer(rows, lineterminator="\n")
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.writerow([name, f"sha256={digest}", len(data)])
    lines.writerow([record, "", ""])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for name, data in [*files.items(), (record, rows.getvalue().encode())]:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            executable = modes.get(name, 0) >> 16 & 0o100
            info.external_attr = (0o100755 if executable else 0o100644) << 16  # independent of the umask
            wheel.writestr(info, data)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--libraries", type=Path, required=True, help="the prefix that libraries.sh fills")
    parser.add_argument("--root", type=Path, help="the unpacked Debian of a wheel for another architecture")
    parser.add_argument("--into", type=Path, required=True, help="folder of the finished wheel")
    parser.add_argument("--like", type=Path, help="a bill of materials: fails if it has other versions")
    options = parser.parse_args()
    origin = Origin(options.libraries, options.root)
    with zipfile.ZipFile(options.wheel) as wheel:
        modes = {info.filename: info.external_attr for info in wheel.infolist()}
        files = {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    info = next(name for name in files if name.endswith(".dist-info/METADATA")).rsplit("/", 1)[0]
    files.pop(f"{info}/RECORD")
    for name in [name for name in files if name.startswith(f"{info}/sboms/")]:
        del files[name]  # listed by a tool that sees only the files that it copied

    texts = {f"third-party/{library.name}.txt": notices(origin, library) for library in LIBRARIES}
    for name in COMMON_LICENCES:
        path = Path("/usr/share/common-licenses") / name
        texts[f"third-party/common/{name}.txt"] = path.read_text(encoding="utf-8", errors="replace")
    files |= {f"{info}/licenses/{name}": text.encode() for name, text in texts.items()}
    metadata = files[f"{info}/METADATA"].decode()
    files[f"{info}/METADATA"] = for_an_index(with_licences(metadata, list(texts))).encode()
    number = next(line.split()[1] for line in metadata.splitlines() if line.startswith("Version:"))
    the_bill = bill(origin, files, number)
    if options.like and (others := other_versions(json.loads(options.like.read_text()), the_bill)):
        raise SystemExit(f"bill.py: {options.like} has {'; '.join(others)}")
    materials = json.dumps(the_bill, indent=1)
    files[f"{info}/sboms/freshframe.cdx.json"] = materials.encode()

    finished = options.into / options.wheel.name
    write(finished, files, modes, f"{info}/RECORD")
    sys.stdout.write(f"{finished}\n")


if __name__ == "__main__":
    main()
