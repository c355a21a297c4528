"""The `build` functions of a fleet: in the program, in transit, and in the controller."""

# SPDX-License-Identifier: Apache-2.0
