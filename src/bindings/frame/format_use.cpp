// The formats that the calling thread asked for.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/frame/format_use.hpp"

#include "freshframe/join_node.hpp"

#include <exception>
#include <utility>

namespace freshframe::python {
namespace {

constexpr std::uint8_t kPacked = 1U << kPixelFormats;
static_assert(kPixelFormats < 8);

struct Asked {
  const void* taker = nullptr;  // the taker of this thread's last sample; compared, never dereferenced
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

FormatUse FormatUse::next(const void* taker) noexcept {
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
  } catch (const std::exception&) {  // Python gets the exception at its own request
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
