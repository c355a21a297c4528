"""The decisions of a controller, on a clock that is passed in."""

# SPDX-License-Identifier: Apache-2.0
