"""The pictures that a reader saw, beside the sent ones."""
# SPDX-License-Identifier: Apache-2.0
