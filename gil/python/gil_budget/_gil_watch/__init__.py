"""The GIL watch without the engine: freshframe.gil and the distribution gil-budget are made of it.

Of its package it uses the extension module ``_gil`` only, so that the folder can lie in either.
"""
# SPDX-License-Identifier: Apache-2.0
