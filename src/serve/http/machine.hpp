// The names under which other machines reach this one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace freshframe::serve {

/// An empty text means that it is not known.
[[nodiscard]] std::string machine_name();
/// The addresses of its network interfaces, without loopback and link-local ones. IPv4 first; IPv6 if `six`.
[[nodiscard]] std::vector<std::string> machine_addresses(bool six);

}  // namespace freshframe::serve
