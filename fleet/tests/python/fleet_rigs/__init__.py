"""Fleets of the tests: what agents build, and the rules of every fleet."""
# SPDX-License-Identifier: Apache-2.0
