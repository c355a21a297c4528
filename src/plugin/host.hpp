// The engine's services for a node: implements freshframe_host.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/frame.hpp"
#include "freshframe/node.hpp"

#include <atomic>
#include <optional>
#include <shared_mutex>
#include <string>

#include "core/stop_event.hpp"

/// A frame at the C interface: an existing frame, or a new one being written.
struct freshframe_frame {  // NOLINT(readability-identifier-naming): a name of abi.h
  freshframe::Frame frame;
  std::optional<freshframe::FrameBuilder> builder = {};
  bool is_lent = false;  // lent to the plugin for one call: the plugin must not free it
};

namespace freshframe::plugin {

/// Exists as long as its node. The table is thread-safe. Outside of attach() and detach() its functions
/// return an error.
class Host {
 public:
  explicit Host(const PixelOps& ops);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() = default;

  [[nodiscard]] const freshframe_host& table() const noexcept { return table_; }
  /// `context` must be valid until detach(). `kind` is used for a node without a name.
  void attach(const Context& context, const char* kind);
  /// Waits for calls in progress.
  void detach();

  /// Takes ownership of a frame that a plugin has returned.
  [[nodiscard]] Frame take(freshframe_frame* given) const;
  /// The frame of a handle that the plugin keeps.
  [[nodiscard]] static Frame wrap_frame(const freshframe_frame& given);

 private:
  struct Calls;

  const PixelOps& ops_;
  // Rejects calls while detach() waits for mutex_. Otherwise overlapping shared locks could block detach()
  // forever.
  std::atomic<bool> closed_{true};
  mutable std::shared_mutex mutex_;   // exclusive: attach and detach; shared: a call
  const Context* context_ = nullptr;  // guarded by mutex_, as are the next two
  std::string name_;
  std::optional<core::StopEvent> stopped_;  // provides the descriptor that the plugin waits for
  freshframe_host table_;
};

}  // namespace freshframe::plugin
