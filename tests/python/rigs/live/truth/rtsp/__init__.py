"""An RTSP server: its sessions, its packets, and false metadata on request."""
# SPDX-License-Identifier: Apache-2.0
