"""A pipeline that runs: its start, its runners, its readers and its end."""
# SPDX-License-Identifier: Apache-2.0
