"""The program's end of a detached fleet."""

# SPDX-License-Identifier: Apache-2.0
