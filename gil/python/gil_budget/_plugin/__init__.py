"""The part of the plugin that is loaded only for a run with a budget."""
# SPDX-License-Identifier: Apache-2.0
