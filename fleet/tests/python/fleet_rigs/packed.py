"""Results as the outlet of an agent packs them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pickle
import struct

_PICKLE = 1  # the kind of such a value


def packed(value: object) -> bytes:
    """A pickle without large buffers."""
    pickled = pickle.dumps(value, 5)
    return struct.pack("<BIQ", _PICKLE, 1, len(pickled)) + pickled
