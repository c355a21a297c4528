"""Functions that create a pipeline, or operate on a whole one."""
# SPDX-License-Identifier: Apache-2.0
