"""What a controller decides, on a clock that is passed in."""

# SPDX-License-Identifier: Apache-2.0
