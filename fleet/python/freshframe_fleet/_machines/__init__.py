"""Agents on other machines, behind guards."""

# SPDX-License-Identifier: Apache-2.0
