"""Results as an agent's outlet packs them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pickle
import struct

_PICKLE = 1  # the code of this kind of value


def packed(value: object) -> bytes:
    """Packs a value as a pickle without large buffers."""
    pickled = pickle.dumps(value, 5)
    return struct.pack("<BIQ", _PICKLE, 1, len(pickled)) + pickled
