// What a connection may use of the server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/serve.hpp"

namespace freshframe::serve {

class Connections;
class Gate;
class PictureClient;
class PictureHub;
class SnapshotDesk;
class StateSource;
class VideoDesk;

/// The server as its connections see it. On the network's thread. Outlives every connection.
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
  [[nodiscard]] virtual StateSource& state() noexcept = 0;
  /// The pipeline's clock.
  [[nodiscard]] virtual const freshframe::Clock& clock() const noexcept = 0;
  /// Must be called when the images that clients wait for have changed.
  virtual void pump() = 0;
  /// Calls pump() after the current handler. For destructors, in which a client must not get an image.
  virtual void pump_soon() = 0;
  /// Shows a client the images that are ready for it, then calls pump(). In this order, because pump() encodes for
  /// every client that still waits.
  virtual void serve(PictureClient& client) = 0;
};

}  // namespace freshframe::serve
