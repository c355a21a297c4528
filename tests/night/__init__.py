"""What shows after hours only: random pipelines, long runs and faults, with a ledger of what ran."""
# SPDX-License-Identifier: Apache-2.0
