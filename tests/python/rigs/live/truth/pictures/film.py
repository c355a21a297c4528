"""Encoded images in decoding order, each with the number that is painted into it."""
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
        number: The number painted into it, which is also its index in display order.
        units: Its NAL units without start codes; for a codec in WHOLE, the image as one piece.
    """

    number: int
    units: tuple[bytes, ...]


@dataclass(frozen=True)
class Film:
    """A sequence that starts with a keyframe and can be played in a loop.

    Attributes:
        codec: One of Codec.
        width: In pixels.
        height: In pixels.
        pictures: In decoding order.
        parameter_sets: By name ("vps", "sps", "pps"). Each keyframe is preceded by them, too.
    """

    codec: Codec
    width: int
    height: int
    pictures: tuple[Picture, ...]
    parameter_sets: dict[str, bytes]

    @classmethod
    def of(cls, codec: Codec, size: tuple[int, int], pictures: tuple[Picture, ...]) -> Film:
        """Makes a film and takes the parameter sets from the first image."""
        units = () if codec in WHOLE else pictures[0].units
        named = {set_name(unit, codec): unit for unit in units}
        sets = {name: unit for name, unit in named.items() if name is not None}
        return cls(codec, *size, pictures, sets)

    @property
    def lead(self) -> int:
        """The most places that an image is sent ahead of its display order; 0 without B-frames."""
        return max(picture.number - place for place, picture in enumerate(self.pictures))

    def without_sets(self) -> Film:
        """Returns the film without parameter sets, which then only the session description has."""
        return dataclasses.replace(
            self,
            pictures=tuple(
                Picture(one.number, tuple(u for u in one.units if set_name(u, self.codec) is None))
                for one in self.pictures
            ),
        )

    def with_sets_between_slices(self) -> Film:
        """Returns the film with parameter sets before each slice of a keyframe, as GStreamer sends them."""
        sets = tuple(self.parameter_sets.values())

        def repeated(one: Picture) -> Picture:
            if not any(set_name(unit, self.codec) for unit in one.units):
                return one
            first, *others = (u for u in one.units if set_name(u, self.codec) is None)
            return Picture(one.number, (*sets, first, *(x for unit in others for x in (*sets, unit))))

        return dataclasses.replace(self, pictures=tuple(map(repeated, self.pictures)))

    def save(self, path: Path) -> Path:
        """Writes the film for a server in another process."""
        path.write_bytes(pickle.dumps(self))
        return path

    @classmethod
    def load(cls, path: Path) -> Film:
        """Reads what save() wrote."""
        film = pickle.loads(path.read_bytes())
        assert isinstance(film, cls)
        return film
