"""Many cameras on several agents."""
# SPDX-License-Identifier: Apache-2.0
