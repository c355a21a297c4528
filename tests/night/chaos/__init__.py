"""One rich pipeline under faults of every kind, with painted numbers and its own counters.

`python -m night.chaos --seed N --seconds S` runs one, `./dev night --part chaos` one after the other.
"""
# SPDX-License-Identifier: Apache-2.0
