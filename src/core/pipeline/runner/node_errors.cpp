// Messages about a node's exceptions, for the log and the statistics.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/node_errors.hpp"

#include "freshframe/device.hpp"
#include "freshframe/log.hpp"

#include <utility>

#include "core/unit_text.hpp"
#include "platform/forced_unwind.hpp"

namespace freshframe::core {
namespace {

// Note [Forced unwinding]
//
// pthread_exit() in a node's code ends the thread by unwinding it as an exception would. Up to 3.13, CPython
// does the same to a thread that requests the GIL during finalization, which the thread of a Python node may
// do. The C library aborts the program if that unwinding is swallowed, so each catch (...) around a
// node lets it pass first.

std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception not derived from std::exception";
  }
}

}  // namespace

Caught Caught::make(std::exception_ptr cause) {
  auto text = describe(cause);
  return {std::move(cause), std::move(text)};
}

bool is_device_error(const std::exception_ptr& cause) {
  try {
    if (cause) std::rethrow_exception(cause);
  } catch (const DeviceError&) {
    return true;
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {
    return false;
  }
  return false;
}

std::string with_traceback(std::string text, const std::string& traceback) {
  if (!traceback.empty()) text += "\n" + traceback;
  return text;
}

void NodeErrors::count(const std::string& what) {
  total_.fetch_add(1, std::memory_order_relaxed);
  const Lock lock(mutex_);
  latest_ = what;
}

std::string NodeErrors::latest() const {
  const Lock lock(mutex_);
  return latest_;
}

void NodeErrors::log_skipped(const std::string& failure, double pts, const std::string& traceback,
                             std::string_view reason) {
  const auto text = failure + " (pts " + number_text(pts, std::chars_format::fixed, 3) + " s)";
  constexpr Seconds kEvery{60};
  const auto now = clock_.now();
  if (!skip_logged_) {
    log(LogLevel::Warning,
        with_traceback(text + " (" + std::string(reason) + ": the node continues)", traceback));
  } else if (++skips_unlogged_; now - *skip_logged_ < kEvery) {
    return;
  } else {
    log_skips(text);
  }
  skip_logged_ = now;
  skips_unlogged_ = 0;
}

void NodeErrors::log_unlogged() {
  if (skips_unlogged_ > 0) log_skips(latest());
}

void NodeErrors::log_skips(const std::string& latest) const {
  log(LogLevel::Warning, "node '" + node_ + "' failed on " + std::to_string(skips_unlogged_) +
                             " more samples and continues; the latest error: " + latest);
}

}  // namespace freshframe::core
