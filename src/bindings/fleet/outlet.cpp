// Results on their way into the outboxes.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/fleet/outlet.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <charconv>
#include <chrono>
#include <vector>

#include "bindings/fleet/results.hpp"
#include "core/unit_text.hpp"

namespace freshframe::python {
namespace {

constexpr std::size_t kLargest = fleet::OutboxLimits{}.size_bytes;  // of a result: an outbox takes none above

// Unix time of a moment of the engine's clock.
double unix_time_of(TimePoint moment) {
  const auto age = std::chrono::steady_clock::now().time_since_epoch() - moment.time_since_epoch();
  return Seconds(std::chrono::system_clock::now().time_since_epoch() - age).count();
}

}  // namespace

std::optional<Emitted> FleetOutlet::process_any(const AnySample& sample, const Context& /*context*/) {
  const bool taken = stream_->is_wanted() ? put(sample) : end_->note(*stream_, sample.stamp.captured);
  auto& count = taken ? counts_->kept : counts_->refused;
  count.fetch_add(1, std::memory_order_relaxed);
  return std::nullopt;
}

bool FleetOutlet::put(const AnySample& sample) {
  if (!sample.value) {
    throw GraphError("the output '" + output_ +
                     "' gives frames, and pictures stay on their machine; give an output of results, or one "
                     "whose node makes bytes of them (a JPEG of sample.frame)");
  }
  const auto bytes = std::make_shared<const std::vector<std::byte>>(result_bytes(sample.value));
  if (bytes->size() > kLargest) note_large(bytes->size());
  const auto& stamp = sample.stamp;
  return end_->put(*stream_, stamp.captured,
                   {.seq = stamp.seq,
                    .part = stamp.part,
                    .pts = stamp.pts,
                    .time = unix_time_of(stamp.captured),
                    .bytes = bytes});
}

void FleetOutlet::note_large(std::size_t size) {
  if (counts_->too_large.fetch_add(1, std::memory_order_relaxed) > 0) return;
  constexpr double kMib = 1 << 20;
  log(LogLevel::Warning,
      "output '" + output_ + "' gives results of " +
          core::number_text(static_cast<double>(size) / kMib, std::chars_format::fixed, 1) +
          " MiB: those above " + core::mebibytes_rounded_down(kLargest) +
          " reach no reader, and each reader counts them as outbox_full");
}

}  // namespace freshframe::python
