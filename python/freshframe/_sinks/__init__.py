"""Parts of the recorders of results: text files, and conversion of values."""
# SPDX-License-Identifier: Apache-2.0
