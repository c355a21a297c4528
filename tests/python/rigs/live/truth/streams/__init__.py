"""The same images without RTSP: MPEG-TS over TCP and UDP, HLS, MJPEG over HTTP."""
# SPDX-License-Identifier: Apache-2.0
