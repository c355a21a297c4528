// Line numbers from a code object's location table, decoded from its bytes alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace freshframe::gil {

/// The line of a bytecode offset, in CPython 3.11 and newer; 0 when the table has none for it.
/// Format: Objects/locations.md of CPython 3.11 (called InternalDocs/code_objects.md since 3.13).
int line_in_location_table(std::string_view table, int first_line, std::size_t byte_offset);

/// Finds the line for CPython 3.10. Format: Objects/lnotab_notes.txt of CPython 3.10 (PEP 626).
int line_in_line_table(std::string_view table, int first_line, std::size_t byte_offset);

}  // namespace freshframe::gil
