"""The GIL watch without the engine, used by freshframe.gil and by the distribution gil-budget.

From its package, it imports only the extension module ``_gil``, so that the folder can be part of either.
"""
# SPDX-License-Identifier: Apache-2.0
