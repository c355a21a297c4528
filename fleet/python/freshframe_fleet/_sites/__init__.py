"""Local fleets at the sites of a Ray cluster, and one reader for all of them."""

# SPDX-License-Identifier: Apache-2.0
