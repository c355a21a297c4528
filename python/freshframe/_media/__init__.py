"""Sources of frames, recorders, and frames as arrays."""
# SPDX-License-Identifier: Apache-2.0
