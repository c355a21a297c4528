"""A `build` function as an agent has got it: loaded by the first camera that needs it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import threading
from typing import Any

from ..._errors import FreshframeError
from ..._process import pickling
from .sent_modules import SentModules


class ReceivedBuild:
    """Modules that it imports may take their time, which is that of the cameras that start with it."""

    def __init__(self, known: bytes, pickled: bytes, modules: SentModules | None = None) -> None:
        """`known`: pickled definitions that it may refer to. `pickled`: the others, and the function.

        `modules`: that came with it.
        """
        self._pickles = known, pickled
        self._loads = pickle.loads if modules is None else modules.loads
        self._modules = modules
        self._lock = threading.Lock()  # held while it is loaded
        self._function: Any = None

    def function(self) -> Any:
        """The function.

        Raises:
            FreshframeError: It cannot be loaded.
        """
        with self._lock:
            if self._function is None:
                try:
                    known, pickled = self._pickles
                    pickling.learn(self._loads(known))
                    definitions, function = self._loads(pickled)
                    pickling.learn(definitions)
                except Exception as error:
                    why = f"{type(error).__name__}: {error}"
                    raise FreshframeError(f"build cannot be loaded here: {why}") from error
                self._function = function
            return self._function
