"""The server of RTSP: its sessions, its packets, and what it says wrongly on request."""
# SPDX-License-Identifier: Apache-2.0
