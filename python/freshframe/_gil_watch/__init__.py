"""Whether there is a GIL, and what the watch of freshframe.gil reports about those who hold it."""
# SPDX-License-Identifier: Apache-2.0
