// The log sink of the process. There is none by default.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace freshframe {

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };

using LogSink = std::function<void(LogLevel, std::string_view)>;

/// Sets the sink, or removes it if `sink` is empty. It is called from any thread, possibly concurrently, and
/// must not block.
void set_log_sink(LogSink sink);
/// Sends one line, without a newline, to the sink. If the sink throws, the line is lost.
void log(LogLevel level, std::string_view line) noexcept;

}  // namespace freshframe
