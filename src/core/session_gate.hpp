// A gate between a source and its camera: an exclusive camera of a fleet may have one session at any time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

namespace freshframe::core {

/// A source asks is_open() before and after it connects, and closes its connection when the gate closes. The
/// gate counts open sessions, so that its owner can end the process if one is still open. All methods: any
/// thread.
class SessionGate {
 public:
  SessionGate() = default;
  SessionGate(const SessionGate&) = delete;
  SessionGate& operator=(const SessionGate&) = delete;
  virtual ~SessionGate() = default;

  /// Whether the source may connect; at false it closes an open session.
  [[nodiscard]] virtual bool is_open() const noexcept = 0;
  virtual void note_opened() noexcept = 0;
  virtual void note_closed() noexcept = 0;
};

/// The gate of the sources that this thread makes, and of the sources that it opens and that have none yet. A fleet's
/// agent sets it while it runs `build`. The pipelines that are made there have it, and so have the threads of their
/// nodes: a camera that is added later belongs to the same run. null means the cameras are not exclusive.
inline std::shared_ptr<SessionGate>& get_thread_gate() noexcept {
  thread_local std::shared_ptr<SessionGate> gate;
  return gate;
}

/// One session, counted at its gate from the attempt to connect until its end.
class CountedSession {
 public:
  CountedSession() noexcept = default;
  explicit CountedSession(std::shared_ptr<SessionGate> gate) noexcept : gate_(std::move(gate)) {
    if (gate_) gate_->note_opened();
  }
  CountedSession(CountedSession&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
  CountedSession& operator=(CountedSession&& other) noexcept {
    if (this != &other) {
      end_session();
      gate_ = std::exchange(other.gate_, nullptr);
    }
    return *this;
  }
  CountedSession(const CountedSession&) = delete;
  CountedSession& operator=(const CountedSession&) = delete;
  ~CountedSession() { end_session(); }

  void end_session() noexcept {
    if (const auto gate = std::exchange(gate_, nullptr)) gate->note_closed();
  }

 private:
  std::shared_ptr<SessionGate> gate_;
};

}  // namespace freshframe::core
