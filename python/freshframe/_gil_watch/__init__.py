"""Whether there is a GIL, and the stalls that the watch of freshframe.gil reports."""
# SPDX-License-Identifier: Apache-2.0
