"""The `build` functions of a fleet: at the program, on their way, and at the controller."""

# SPDX-License-Identifier: Apache-2.0
