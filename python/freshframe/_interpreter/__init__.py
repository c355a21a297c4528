"""Set-up of an interpreter: rejection of subinterpreters, hooks, logging, lazily loaded names."""
# SPDX-License-Identifier: Apache-2.0
