"""Servers on loopback that behave badly on request, their video, and a camera that reads it."""
# SPDX-License-Identifier: Apache-2.0
