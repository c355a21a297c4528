"""The counters of a pipeline with one Publish."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import freshframe as ff
from freshframe.stats import PublishStats


def counts(pipeline: ff.Pipeline) -> PublishStats:
    """Returns the counters of the only Publish."""
    (found,) = [node.publish for node in pipeline.stats().nodes.values() if node.publish is not None]
    return found
