// The interface of the server for its connections.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/serve.hpp"

namespace freshframe::serve {

class Connections;
class FeedDesk;
class Gate;
class PictureClient;
class PictureHub;
class SnapshotDesk;
class StateSource;
class VideoDesk;

/// The server as seen by its connections. Used on the network thread. Outlives every connection.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  [[nodiscard]] virtual const Gate& gate() const noexcept = 0;
  [[nodiscard]] virtual const ServeLimits& limits() const noexcept = 0;
  [[nodiscard]] virtual Connections& connections() noexcept = 0;
  [[nodiscard]] virtual PictureHub& hub() noexcept = 0;
  [[nodiscard]] virtual SnapshotDesk& looks() noexcept = 0;
  [[nodiscard]] virtual VideoDesk& video() noexcept = 0;
  [[nodiscard]] virtual FeedDesk& feeds() noexcept = 0;
  [[nodiscard]] virtual StateSource& state() noexcept = 0;
  /// The pipeline's clock.
  [[nodiscard]] virtual const freshframe::Clock& clock() const noexcept = 0;
  /// Must be called when the set of images that clients wait for has changed.
  virtual void pump() = 0;
  /// Calls pump() after the current handler. For destructors, in which no client may be given an image.
  virtual void pump_soon() = 0;
  /// Gives a client the images that are ready for it, then calls pump(). In this order, because pump()
  /// requests new images for clients that are still waiting.
  virtual void serve(PictureClient& client) = 0;
};

}  // namespace freshframe::serve
