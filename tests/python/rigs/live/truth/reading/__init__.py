"""What a reader was shown, beside what was sent."""
# SPDX-License-Identifier: Apache-2.0
