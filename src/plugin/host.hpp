// The engine's services for one node: the functions of freshframe_host.
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

/// A frame at the C interface: one of the engine's, or a new frame that is being written.
struct freshframe_frame {  // NOLINT(readability-identifier-naming): a name of abi.h
  freshframe::Frame frame;
  std::optional<freshframe::FrameBuilder> builder = {};
  bool is_lent = false;  // by the engine, for one call: the plugin must not free it
};

namespace freshframe::plugin {

/// Lives as long as its node. The table may be used from any thread; between attach() and detach() it works
/// on the pipeline's context, else it refuses.
class Host {
 public:
  explicit Host(const PixelOps& ops);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() = default;

  [[nodiscard]] const freshframe_host& table() const noexcept { return table_; }
  /// `context` stays valid until detach(). `kind` replaces the name of a node without one.
  void attach(const Context& context, const char* kind);
  /// Waits for calls in flight.
  void detach();

  /// The frame that a plugin has returned. It belongs to the engine from now on.
  [[nodiscard]] Frame take(freshframe_frame* given) const;
  /// The frame of a handle that stays the plugin's.
  [[nodiscard]] static Frame wrap_frame(const freshframe_frame& given);

 private:
  struct Calls;

  const PixelOps& ops_;
  // Refuses calls while detach() waits for mutex_: otherwise threads that share it in turn would block
  // detach() forever.
  std::atomic<bool> closed_{true};
  mutable std::shared_mutex mutex_;   // exclusive: attach and detach; shared: a call
  const Context* context_ = nullptr;  // guarded by mutex_, like the next two
  std::string name_;
  std::optional<core::StopEvent> stopped_;  // the plugin waits for its descriptor
  freshframe_host table_;
};

}  // namespace freshframe::plugin
