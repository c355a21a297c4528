"""Test cameras, a fleet and random faults, and the rules that its results must keep."""

# SPDX-License-Identifier: Apache-2.0
