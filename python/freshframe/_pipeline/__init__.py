"""Running a pipeline: start, threads, readers and shutdown."""
# SPDX-License-Identifier: Apache-2.0
