"""The files of a fleet's page: all are served, and no string can become markup."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.web_files import WEB, check, named, own_files, there

import freshframe_fleet
from freshframe_fleet import _page

FILES = (Path(freshframe_fleet.__file__).parent / "_web").resolve()


@pytest.mark.parametrize("path", own_files(FILES), ids=lambda path: path.name)
def test_the_page_makes_no_markup_of_text_and_loads_nothing_from_elsewhere(path: Path) -> None:
    check(path)


def test_every_file_is_served_and_those_of_the_server_are_there() -> None:
    assert {name for _, name, _ in _page._FILES} == there(FILES)
    own = {address.removeprefix("/") for address, _, _ in _page._FILES}
    assert named(FILES) - own <= there(WEB)
    assert own - named(FILES) == {""}, "no file is left over"
