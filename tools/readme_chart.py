"""Draws the README's bar chart of frame ages from the table in docs/benchmarks/slow-consumer.md.

Writes docs/pictures/age-light.svg and age-dark.svg. A test fails if they differ from the table.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "benchmarks" / "slow-consumer.md"
COLUMN = "slow p50 ms"
# The rows of the table that are shown, with the names that readers know them by.
BARS = {
    "freshframe_latest": "freshframe",
    "gstreamer": "GStreamer, leaky queues",
    "cv2_latest_1_thread": "OpenCV thread, tuned",
    "cv2_latest": "OpenCV thread",
    "pyav_latest": "PyAV thread",
    "cv2_naive": "OpenCV loop",
    "thread_pool": "OpenCV thread pool",
}
TITLE = "Age of the frame that a slow Python step gets (less is better)"
WIDTH_PX = 800
LABELS_PX = 240  # width of the column of names
VALUES_PX = 80  # room for the figure beside the longest bar
ROW_PX = 30
TOP_PX = 48


@dataclass(frozen=True)
class Palette:
    """The colours of one theme."""

    text: str
    ours: str
    others: str


THEMES = {
    "light": Palette(text="#1f2328", ours="#0b7a4b", others="#9aa4af"),
    "dark": Palette(text="#e6edf3", ours="#3fb97f", others="#6e7781"),
}


def read_ages(page: str) -> dict[str, float]:
    """Returns the median age in milliseconds for each row of the table of a computing branch."""
    table = page.partition("<!-- begin: burn -->")[2].partition("<!-- end -->")[0]
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()
    )
    place = header.index(COLUMN)
    return {row[0]: float(match[0]) for row in rows if (match := re.match(r"[\d.]+", row[place]))}


def describe_age(milliseconds: float) -> str:
    """Returns for example "11 ms" or "3.5 s"."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def draw(ages: dict[str, float], palette: Palette) -> str:
    """Returns the chart as SVG. The axis is linear."""
    longest = max(ages[name] for name in BARS)
    per_ms = (WIDTH_PX - LABELS_PX - VALUES_PX) / longest
    height = TOP_PX + ROW_PX * len(BARS)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height}" role="img" '
        f'font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14" '
        f'fill="{palette.text}">',
        f"<title>{escape(TITLE)}</title>",
        f'<text x="0" y="20" font-size="16" font-weight="600">{escape(TITLE)}</text>',
    ]
    for row, (name, label) in enumerate(BARS.items()):
        top = TOP_PX + ROW_PX * row
        ours = name.startswith("freshframe")
        width = max(4.0, ages[name] * per_ms)  # visible even if it is very short
        weight = ' font-weight="600"' if ours else ""
        colour = palette.ours if ours else palette.others
        lines += [
            f'<text x="{LABELS_PX - 10}" y="{top + 16}" text-anchor="end"{weight}>{escape(label)}</text>',
            f'<rect x="{LABELS_PX}" y="{top + 2}" width="{width:.1f}" height="{ROW_PX - 10}" rx="2" '
            f'fill="{colour}"/>',
            f'<text x="{LABELS_PX + width + 8:.1f}" y="{top + 16}"{weight}>{describe_age(ages[name])}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def make_charts() -> dict[Path, str]:
    """Returns the content of each file."""
    ages = read_ages(TABLE.read_text(encoding="utf-8"))
    folder = ROOT / "docs" / "pictures"
    return {folder / f"age-{theme}.svg": draw(ages, palette) for theme, palette in THEMES.items()}


def main() -> None:
    """Writes the files."""
    for path, text in make_charts().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
