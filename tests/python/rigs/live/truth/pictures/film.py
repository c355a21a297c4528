"""Encoded pictures in decoding order, each with the number that is painted into it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import dataclass
from pathlib import Path

from rigs.live.truth.pictures.units import WHOLE, Codec, set_name


@dataclass(frozen=True)
class Picture:
    """An access unit.

    Attributes:
        number: Painted into it, and its place in display order.
        units: Its NAL units, without start codes; of a codec in WHOLE the picture.
    """

    number: int
    units: tuple[bytes, ...]


@dataclass(frozen=True)
class Film:
    """A sequence that begins with a keyframe and can be shown over and over.

    Attributes:
        codec: One of Codec.
        width: Pixels.
        height: Pixels.
        pictures: In decoding order.
        parameter_sets: By name ("vps", "sps", "pps"); they stand before each keyframe, too.
    """

    codec: Codec
    width: int
    height: int
    pictures: tuple[Picture, ...]
    parameter_sets: dict[str, bytes]

    @classmethod
    def of(cls, codec: Codec, size: tuple[int, int], pictures: tuple[Picture, ...]) -> Film:
        """Finds the parameter sets in the first picture."""
        units = () if codec in WHOLE else pictures[0].units
        named = {set_name(unit, codec): unit for unit in units}
        sets = {name: unit for name, unit in named.items() if name is not None}
        return cls(codec, *size, pictures, sets)

    @property
    def lead(self) -> int:
        """Returns by how many pictures one is sent ahead of its place in display order; 0 if no B-frames."""
        return max(picture.number - place for place, picture in enumerate(self.pictures))

    def without_sets(self) -> Film:
        """The same without parameter sets, which are then in the session's description alone."""
        return dataclasses.replace(
            self,
            pictures=tuple(
                Picture(one.number, tuple(u for u in one.units if set_name(u, self.codec) is None))
                for one in self.pictures
            ),
        )

    def with_sets_between_slices(self) -> Film:
        """The same with the parameter sets before each slice of a keyframe, as GStreamer sends them."""
        sets = tuple(self.parameter_sets.values())

        def repeated(one: Picture) -> Picture:
            if not any(set_name(unit, self.codec) for unit in one.units):
                return one
            first, *others = (u for u in one.units if set_name(u, self.codec) is None)
            return Picture(one.number, (*sets, first, *(x for unit in others for x in (*sets, unit))))

        return dataclasses.replace(self, pictures=tuple(map(repeated, self.pictures)))

    def save(self, path: Path) -> Path:
        """Writes it for a server in another process."""
        path.write_bytes(pickle.dumps(self))
        return path

    @classmethod
    def load(cls, path: Path) -> Film:
        """Reads what save() wrote."""
        film = pickle.loads(path.read_bytes())
        assert isinstance(film, cls)
        return film
