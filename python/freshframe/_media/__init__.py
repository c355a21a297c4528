"""Sources of pictures, recorders of pictures, and frames as arrays."""
# SPDX-License-Identifier: Apache-2.0
