// The sink of the engine's log lines: one per process, none by default.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace freshframe {

/// Importance of a log line.
enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };

using LogSink = std::function<void(LogLevel, std::string_view)>;

/// Sets the sink; an empty one silences. Called on any thread, possibly several at once; it must not block.
void set_log_sink(LogSink sink);
/// Sends one line (no newline) to the sink. Never throws: when the sink throws, the line is lost.
void log(LogLevel level, std::string_view line) noexcept;

}  // namespace freshframe
