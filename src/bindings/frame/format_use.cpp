// Remembers the pixel formats that the calling thread asked for.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/frame/format_use.hpp"

#include "freshframe/join_node.hpp"

#include <atomic>
#include <exception>
#include <utility>

namespace freshframe::python {
namespace {

constexpr std::uint8_t kPacked = 1U << kPixelFormats;
static_assert(kPixelFormats < 8);

struct Asked {
  std::uint64_t taker = 0;  // the taker of this thread's last sample; 0 if there was none
  std::uint8_t bits = 0;
};
thread_local Asked asked;

std::uint8_t get_bit(int format) noexcept {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(format));
}

}  // namespace

void FormatUse::note(PixelFormat format) noexcept {
  asked.bits |= get_bit(static_cast<int>(format));
}

void FormatUse::note_packed() noexcept {
  asked.bits |= kPacked;
}

std::uint64_t FormatUse::make_taker() noexcept {
  static std::atomic<std::uint64_t> made{0};
  return made.fetch_add(1, std::memory_order_relaxed) + 1;
}

FormatUse FormatUse::next(std::uint64_t taker) noexcept {
  FormatUse use;
  const auto last = std::exchange(asked, Asked{taker, 0});
  if (last.taker == taker) use.bits_ = last.bits;
  return use;
}

void FormatUse::make(const Frame& frame) const noexcept {
  if (!any() || !frame) return;
  try {
    for (int i = 0; i < kPixelFormats; ++i) {
      if ((bits_ & get_bit(i)) != 0) static_cast<void>(frame.to(static_cast<PixelFormat>(i)));
    }
    if ((bits_ & kPacked) != 0) static_cast<void>(frame.pack_planes());
  } catch (const std::exception&) {  // Python gets the exception when it requests the format itself
  }
}

void FormatUse::make(const AnySample& sample) const noexcept {
  const auto* const set = any() ? sample.value.as<Joined>() : nullptr;
  if (set == nullptr) return make(sample.frame);
  for (const auto& member : set->members) {
    if (member) make(member->frame);
  }
}

}  // namespace freshframe::python
