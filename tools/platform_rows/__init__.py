"""Runs of the tests on one platform each, which become rows of docs/development/reliability.md."""
# SPDX-License-Identifier: Apache-2.0
