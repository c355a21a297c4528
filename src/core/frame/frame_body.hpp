// The shared part of a Frame: its picture in every format made so far, its holders, and its place in the
// budget.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/mutex.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace freshframe::core {

// Note [Who holds a frame]
// One word counts three kinds of holders: engine handles, loans, and pins. The body is freed when the word
// reaches 0. The budget must follow two facts: "the engine holds it" (engine > 0) and "it is on loan" (engine
// == 0, loans > 0). Both change only when the engine count becomes 0 or leaves 0. The thread that takes it to
// 0 while loans remain turns its reference into a pin in the same atomic step, so that the body outlives
// settle(), and drops the pin afterwards. settle() reads the word under a mutex and corrects the budget to
// match, so the last one to run leaves it right.
struct FrameBody {
  static constexpr std::uint64_t kEngine = 1;
  static constexpr std::uint64_t kLoan = std::uint64_t{1} << 24;
  static constexpr std::uint64_t kPin = std::uint64_t{1} << 48;
  static constexpr std::uint64_t kCountMask = kLoan - 1;

  static constexpr std::uint64_t engine_count(std::uint64_t word) noexcept { return word & kCountMask; }
  static constexpr std::uint64_t loan_count(std::uint64_t word) noexcept {
    return (word / kLoan) & kCountMask;
  }

  struct Form {
    std::atomic<bool> made{false};
    Picture picture;
    FramePool::Buffer memory;  // empty for the form that the frame was made with
    std::atomic<bool> packed{false};
    FramePool::Buffer packed_memory;  // empty when the planes are packed already
    Picture pooled;                   // guarded by conversions(), as is pooled_memory
    FramePool::Buffer pooled_memory;  // empty: not copied yet
  };

  FrameBody(const Picture& picture, std::size_t size, std::function<void()> on_release,
            const PixelOps& pixel_ops);
  FrameBody(const FrameBody&) = delete;
  FrameBody& operator=(const FrameBody&) = delete;
  ~FrameBody();

  void hold(bool loan, std::uint16_t holder) noexcept;
  void drop(bool loan, std::uint16_t holder) noexcept;
  /// Makes the form if it does not exist. One thread converts, others wait for it.
  const Form& form(PixelFormat format);
  std::span<const std::uint8_t> pack(PixelFormat format);
  Picture pool(PixelFormat format);
  void settle() noexcept;
  void attach(const std::shared_ptr<FrameBudget>& budget) noexcept;

  std::atomic<std::uint64_t> holders{kEngine};
  PixelFormat primary;
  std::array<Form, kPixelFormats> forms;
  const PixelOps* ops;
  std::function<void()> release;
  std::atomic<std::size_t> bytes;
  const forks::Birthplace birthplace;
  Mutex convert_mutex{LockRank::Conversion};

  std::atomic<FrameBudget*> lender{nullptr};  // kept alive by `budget`, once that is set

  Mutex budget_mutex{LockRank::Place};
  std::shared_ptr<FrameBudget> budget FRESHFRAME_GUARDED_BY(budget_mutex);
  bool counted FRESHFRAME_GUARDED_BY(budget_mutex) = false;         // in budget's published frames
  std::uint8_t generation FRESHFRAME_GUARDED_BY(budget_mutex) = 0;  // there
  std::size_t charged FRESHFRAME_GUARDED_BY(budget_mutex) = 0;      // bytes in budget's loans

 private:
  /// convert_mutex; of a frame that a parent of this process has made, one of this process.
  Mutex& conversions() noexcept;
  const Form& convert(Form& target, PixelFormat format);
};

}  // namespace freshframe::core
