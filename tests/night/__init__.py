"""Finds faults that show only after hours: random pipelines, long runs, faults, and a ledger of what ran."""
# SPDX-License-Identifier: Apache-2.0
