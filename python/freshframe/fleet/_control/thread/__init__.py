"""The thread of a controller, and the calls of other threads that it executes."""

# SPDX-License-Identifier: Apache-2.0
