// What the engine offers a node: log, counters, clock, stop and frame memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/plugin/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace freshframe::plugin {
inline namespace v1 {

enum class LogLevel : std::int32_t { Debug, Info, Warning, Error };

/// The engine's services, available from open() to close(). Thread-safe.
class Context {
 public:
  void attach(const freshframe_host* host) noexcept { host_ = host; }

  /// Logs one line to Python's logger "freshframe".
  void log(LogLevel level, const std::string& text) const {
    host_->log(host_->self, static_cast<std::int32_t>(level), text.c_str());
  }
  /// Counts samples that the node itself lost. Cause: "device", "decode" or "error".
  void count_drops(const char* cause, std::uint64_t count = 1) const {
    host_->count_drops(host_->self, cause, count);
  }
  /// The pipeline's clock in seconds.
  [[nodiscard]] double now() const { return static_cast<double>(host_->now_ns(host_->self)) * 1e-9; }
  /// True once the pipeline is stopping. Code that runs for a long time must check it.
  [[nodiscard]] bool stop_requested() const { return host_->stop_requested(host_->self) != 0; }
  /// A descriptor for poll() that becomes readable when the pipeline stops, or -1 if there is none: then use
  /// stop_requested().
  [[nodiscard]] int stop_fd() const { return host_->stop_fd(host_->self); }
  /// Sleeps. Returns true, immediately, if the pipeline stops.
  bool wait(double seconds) const { return host_->wait(host_->self, seconds) != 0; }

  /// Allocates a frame with the size and format of `like` in the engine's memory. Throws
  /// std::invalid_argument.
  [[nodiscard]] NewFrame make_frame(const Picture& like) const {
    auto wanted = c_picture(like);
    freshframe_picture out{};
    out.size = sizeof out;
    auto* const made = host_->make_frame(host_->self, &wanted, &out);
    if (made == nullptr) refuse("make", like, detail::find_fault(like));
    return {Frame::adopt(host_, made), detail::view_picture(out)};
  }
  /// Wraps the memory of `picture` as a frame, without copying. `keep` owns the memory, which must not change
  /// any more. Static memory needs an owner too: std::shared_ptr<const void>(std::shared_ptr<void>(), data).
  /// Throws std::invalid_argument.
  [[nodiscard]] Frame wrap_frame(const Picture& picture, std::shared_ptr<const void> keep) const {
    if (keep == nullptr && keep.use_count() == 0) {
      throw std::invalid_argument(
          "wrap_frame() needs `keep`, the owner of the frame's memory, got null: the memory could be freed "
          "before the frame");
    }
    auto wanted = c_picture(picture);
    std::array<freshframe_plane, 3> planes{};
    for (std::size_t i = 0; i < planes.size(); ++i) {
      const auto& from = picture.planes[i];
      planes[i] = {from.data, from.rows, from.row_bytes, from.stride};
    }
    wanted.planes = {planes.data(), static_cast<std::uint64_t>(picture.plane_count),
                     sizeof(freshframe_plane)};
    auto owner = std::make_unique<std::shared_ptr<const void>>(std::move(keep));
    auto* const made = host_->wrap_frame(host_->self, &wanted, owner.get(), [](void* kept) {
      delete static_cast<std::shared_ptr<const void>*>(kept);
    });
    if (made == nullptr) refuse("wrap", picture, detail::find_plane_fault(picture));
    (void)owner.release();
    return Frame::adopt(host_, made);
  }

  [[nodiscard]] const freshframe_host* host() const noexcept { return host_; }

 private:
  [[noreturn]] static void refuse(const char* what, const Picture& picture, const std::string& fault) {
    throw std::invalid_argument(std::string("cannot ") + what + " " + detail::describe_picture(picture) +
                                ": " + (fault.empty() ? "the node is closed, or memory ran out" : fault));
  }
  static freshframe_picture c_picture(const Picture& from) {
    return {sizeof(freshframe_picture), from.width,         from.height, from.format.c_str(),
            from.range.c_str(),         from.space.c_str(), {}};
  }

  const freshframe_host* host_ = nullptr;
};

}  // namespace v1
}  // namespace freshframe::plugin
