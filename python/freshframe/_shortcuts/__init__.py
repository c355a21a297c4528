"""Calls that make a pipeline of their own, or take a whole one."""
# SPDX-License-Identifier: Apache-2.0
