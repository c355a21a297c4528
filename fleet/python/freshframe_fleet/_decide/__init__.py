"""The decisions of a controller. The current time is always passed in."""

# SPDX-License-Identifier: Apache-2.0
