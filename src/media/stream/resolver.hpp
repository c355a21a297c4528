// Resolves host names so that stops and time limits need not wait for a name server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <optional>
#include <stop_token>
#include <string>

#include "platform/socket.hpp"

namespace freshframe::media {

using platform::HostAnswer;
using platform::is_address;

/// A function that looks up a name. May block indefinitely.
using HostLookup = HostAnswer (*)(const std::string& host);

/// Returns nullopt after a stop or `deadline` (real time). The lookup is a DetachedCall, one per name, which
/// continues when its callers have given up.
[[nodiscard]] std::optional<HostAnswer> resolve_host(const std::string& host, TimePoint deadline,
                                                     const std::stop_token& stop,
                                                     HostLookup lookup = platform::look_up_host);

}  // namespace freshframe::media
