"""The nodes of freshframe.native, and the headers that extensions include."""
# SPDX-License-Identifier: Apache-2.0
