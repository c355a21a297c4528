"""Calls that make a pipeline, or take a whole one."""
# SPDX-License-Identifier: Apache-2.0
