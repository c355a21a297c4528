// The class Packet.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

namespace freshframe::python {

void bind_packet(nanobind::module_& module);

}  // namespace freshframe::python
