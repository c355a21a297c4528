"""Agents on other machines, which guards start."""

# SPDX-License-Identifier: Apache-2.0
