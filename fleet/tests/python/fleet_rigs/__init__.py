"""Fleets of the tests: what agents build, guards and controllers as processes, the rules of every fleet."""
# SPDX-License-Identifier: Apache-2.0
