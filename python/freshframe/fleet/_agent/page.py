"""An agent's own page: its process and its cameras, each with a link to its pipeline's dashboard."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import html
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ... import _native
from ..._errors import FreshframeError

_PATH = "/"
_MOST_DASHBOARDS = 32  # each is a server of its own
_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title} - freshframe</title>'
    '<link rel="stylesheet" href="base.css"><link rel="stylesheet" href="page.css"></head><body>'
    "<main><h1>{title}</h1>"
)


@dataclass
class Row:
    """A camera of the agent."""

    name: str
    state: str
    pipeline: Any  # Pipeline or None
    counts: dict[str, int] = field(default_factory=dict)


class AgentPage:
    """Served on this machine's loopback address, with a token."""

    def __init__(self) -> None:
        """Listens at a free port."""
        self._token = secrets.token_urlsafe(24)
        self._pages = _native.Pages("127.0.0.1", 0, self._token, "/fleet.html")
        self.url: str = self._pages.urls[0]
        self._asked = -1
        self.publish(())  # the cameras are served with the first look

    def publish(self, rows: Iterable[Row]) -> None:
        """Makes the page of what is there, if somebody has looked since the last time."""
        if self._pages.asked == self._asked:
            return
        self._asked = self._pages.asked
        lines = []
        for number, row in enumerate(rows):
            lost = sum(row.counts.values()) - row.counts.get("kept", 0) - row.counts.get("too_large", 0)
            link = self._link(row) if number < _MOST_DASHBOARDS else html.escape(row.name)
            cells = (link, html.escape(row.state), f"{row.counts.get('kept', 0):,}", f"{lost:,}")
            lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        title = f"agent, process {os.getpid()}"
        head = "<tr><th>Camera</th><th>State</th><th>Results</th><th>Lost</th></tr>"
        body = f"{_HEAD.format(title=title)}<table>{head}{''.join(lines)}</table></main></body></html>"
        self._pages.set(_PATH, "text/html; charset=utf-8", body.encode(), 200)

    def _link(self, row: Row) -> str:
        """Its pipeline is served with the first look at this page."""
        name = html.escape(row.name)
        if row.pipeline is None:
            return name
        try:
            url = html.escape(row.pipeline.serve(token=self._token).url)
        except FreshframeError:  # its build serves it already
            return name
        return f'<a href="{url}" target="_blank" rel="noopener">{name}</a>'
