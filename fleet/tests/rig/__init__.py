"""Test cameras, a fleet and random faults, and the rules that its results must obey."""

# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]  # the folder in which a process finds this package
