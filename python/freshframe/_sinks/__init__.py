"""The parts of the recorders of results: their text file, and values in the forms that it can hold."""
# SPDX-License-Identifier: Apache-2.0
