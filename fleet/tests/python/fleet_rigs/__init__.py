"""Fleets of the tests: builds for agents, guards, and the rules that hold for every fleet."""
# SPDX-License-Identifier: Apache-2.0
