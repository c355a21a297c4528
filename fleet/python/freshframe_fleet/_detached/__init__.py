"""Fleets that outlive their program."""

# SPDX-License-Identifier: Apache-2.0
