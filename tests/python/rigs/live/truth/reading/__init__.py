"""The images that a reader saw, and their comparison with those that were sent."""
# SPDX-License-Identifier: Apache-2.0
