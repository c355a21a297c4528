"""What a controller keeps for the next one, and what it takes over from the one before."""

# SPDX-License-Identifier: Apache-2.0
