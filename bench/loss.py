"""What a camera's lost packets do to the pictures: how many are torn, and does every torn one have its mark?

A camera on loopback (tests/python/rigs/live/truth) sends pictures that were encoded before, over RTSP and
UDP. It leaves some of their packets out, and lets others change places. Every picture carries its number in
its pixels, so a torn one is known. The packets that are left out are the same in every run.

Printed at the end: the table of the documentation, in Markdown.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from _measure import RESULTS, Result, Row
from _peer_tables import markdown

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))

from rigs.live.truth.network import Network
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.judge import Judgement, judged, lost_between
from rigs.live.truth.reading.watch import Watch
from rigs.live.truth.rtsp.server import TruthServer

import freshframe as ff

FPS = 200.0  # more than cameras have, so that ten thousand pictures take less than a minute
KEY_INTERVAL = 30
CALM = 2 * KEY_INTERVAL  # pictures without loss at the end, so that all is known of those before
WIDE = ff.Queue(1024, "drop_oldest")
NETWORKS = {
    "1 %": Network(lose=0.01, lose_after=8),
    "5 %": Network(lose=0.05, lose_after=8),
    "changed places": Network(swap_each=3, lose_after=8),
    "1 %, changed places": Network(lose=0.01, lose_after=8, swap_each=3),
}


@dataclass(frozen=True)
class Outcome:
    """Of one run."""

    found: Judgement
    lost: int  # packets, in truth
    packets_lost: int
    packets_late: int
    drops: dict[str, int]
    unread: int  # pictures for which this program was too slow, as on a busy machine

    @property
    def uncounted(self) -> int:
        """Pictures that were not shown and are in no counter."""
        return self.found.sent - self.found.shown - self.unread - sum(self.drops.values())


def run(codec: str, network: Network, damaged: str, pictures: int) -> Outcome:
    """Reads until so many pictures were sent."""
    shown = film(Shape("h265" if codec == "h265" else "h264", key_interval=KEY_INTERVAL, bit_rate=1_000_000))
    options = {"rtsp_transport": "udp"}
    with (
        TruthServer(shown, fps=FPS, network=network) as server,
        Watch(server.url, queue=WIDE, options=options, damaged=damaged) as camera,
    ):
        seen = camera.read(1)
        while (seen[-1].pts - seen[0].pts) * FPS < pictures:
            seen += camera.read(1)
        server.network = Network()
        newest = server.log.all()[-1].place
        while (seen[-1].pts - seen[0].pts) * FPS < newest:  # this program may be late
            seen += camera.read(1)
        seen += camera.read(CALM)
        sent, stats, drops, unread = server.log.all(), camera.stats, camera.drops, camera.unread
    return Outcome(
        judged(seen, sent, shown, FPS),
        lost_between(sent, 0, sent[-1].place),
        stats.packets_lost,
        stats.packets_late,
        drops,
        unread,
    )


def row_of(name: str, damaged: str, one: Outcome) -> Row:
    """Its goal: no torn picture is called good."""
    found = one.found
    figures = {
        "sent": found.sent,
        "shown": found.shown,
        "torn": found.torn,
        "marked_whole": found.marked_whole,
        "marked_beyond_the_idr": found.far_marks,
        "longest_gap_pictures": found.longest_gap,
        "packets_lost": one.packets_lost,
        "packets_lost_in_truth": one.lost,
        "packets_late": one.packets_late,
        "misnumbered": found.misnumbered,
        "uncounted": one.uncounted,
        "unread": one.unread,
        **{f"dropped_{cause}": count for cause, count in one.drops.items()},
    }
    value = found.unmarked if damaged == "mark" else found.torn
    return Row(f"{name}, {damaged}: torn and called good", figures, float(value), 0.0)


def page(outcomes: dict[tuple[str, str], Outcome]) -> str:
    """The table of the documentation."""
    heads = [
        "lost",
        "`damaged=`",
        "sent",
        "shown",
        "torn",
        "torn without mark",
        "whole with mark",
        "longest gap",
    ]
    table = [[*heads, "`packets_lost`, in truth", "uncounted"]]
    for (name, damaged), one in outcomes.items():
        found = one.found
        counts = (found.sent, found.shown, found.torn, found.unmarked, found.marked_whole)
        table.append(
            [
                name,
                f'`"{damaged}"`',
                *(f"{count:,}" for count in counts),
                f"{found.longest_gap / FPS:.2f} s",
                f"{one.packets_lost:,}, {one.lost:,}",
                str(one.uncounted),
            ]
        )
    return markdown(table)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=10_000, help="of each run; default: %(default)s")
    parser.add_argument("--codec", choices=("h264", "h265"), default="h264", help="default: %(default)s")
    kept = RESULTS / "loss.json"
    parser.add_argument("--json", type=Path, default=kept, help="where the result goes; default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    return parser.parse_args()


def main() -> None:
    """Runs, shows, keeps."""
    options = parse()
    settings = {
        "fps": FPS,
        "key_interval": KEY_INTERVAL,
        "pictures": options.pictures,
        "codec": options.codec,
    }
    result = Result("loss", "torn pictures where packets are lost", settings)
    outcomes = {}
    for name, network in NETWORKS.items():
        for damaged in ("mark", "hold"):
            outcomes[name, damaged] = run(options.codec, network, damaged, options.pictures)
            result.add(row_of(name, damaged, outcomes[name, damaged]))
            print(".", end="", file=sys.stderr, flush=True)
    result.keep(None if options.dry else options.json)
    print("\n" + page(outcomes))


if __name__ == "__main__":
    main()
