"""The parts of the plugin that a run with a budget needs."""
# SPDX-License-Identifier: Apache-2.0
