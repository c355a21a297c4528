"""The part of the plugin only loaded for a run with a budget."""
# SPDX-License-Identifier: Apache-2.0
