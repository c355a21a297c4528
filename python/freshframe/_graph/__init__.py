"""The parts of a pipeline: nodes, ports, queues, and the checks of add()."""
# SPDX-License-Identifier: Apache-2.0
