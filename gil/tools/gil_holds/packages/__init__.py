"""The measured calls, grouped by what they work on."""

# SPDX-License-Identifier: Apache-2.0
