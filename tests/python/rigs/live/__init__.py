"""Misbehaving servers on loopback, the video that they send, and a pipeline that reads it."""
# SPDX-License-Identifier: Apache-2.0
