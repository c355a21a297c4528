"""The Python part of an agent process."""

# SPDX-License-Identifier: Apache-2.0
