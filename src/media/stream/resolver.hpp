// Looks up a host's addresses so that neither a stop nor a time limit waits for a name server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace freshframe::media {

struct HostAnswer {
  std::vector<std::string> addresses;  // numeric, best first; empty means `error` has the reason
  std::string error;
};

/// Blocks for any time.
using HostLookup = HostAnswer (*)(const std::string& host);

/// The system's own: /etc/hosts, mDNS, DNS, as /etc/nsswitch.conf has it.
[[nodiscard]] HostAnswer system_lookup(const std::string& host);

/// "192.0.2.1" or "2001:db8::1": there is nothing to look up.
[[nodiscard]] bool is_address(const std::string& host);

/// Returns nullopt after a stop, or if the real time `deadline` has passed. The lookup is a DetachedCall, one
/// per name: it continues after its callers have given up.
[[nodiscard]] std::optional<HostAnswer> resolve_host(const std::string& host, TimePoint deadline,
                                                     const std::stop_token& stop,
                                                     HostLookup lookup = system_lookup);

}  // namespace freshframe::media
