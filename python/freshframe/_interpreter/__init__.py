"""Set up once for an interpreter: the refusal of subinterpreters, hooks, the log, late names."""
# SPDX-License-Identifier: Apache-2.0
