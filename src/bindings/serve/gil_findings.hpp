// The findings of the GIL watch, for the dashboard's server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil_findings.hpp"

namespace freshframe::python {

/// On the server's thread, without the GIL.
[[nodiscard]] GilFindings read_gil_findings();

}  // namespace freshframe::python
