"""Encoded images, each with its number in its pixels."""
# SPDX-License-Identifier: Apache-2.0
