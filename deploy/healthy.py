"""Ends with 0 while frames flow in watch.py: a container's health check.

TOKEN=a-secret [PORT=8080] python3 healthy.py
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import urllib.request

address = f"http://127.0.0.1:{os.environ.get('PORT', '8080')}/healthz"
request = urllib.request.Request(address, headers={"Authorization": f"Bearer {os.environ['TOKEN']}"})
urllib.request.urlopen(request, timeout=5)  # another answer than 200 is an error
