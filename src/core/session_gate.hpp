// The permission that a source needs before it opens a session with its camera.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

namespace freshframe::core {

/// Any thread. Its owner counts the sessions that are open.
class SessionGate {
 public:
  SessionGate() = default;
  SessionGate(const SessionGate&) = delete;
  SessionGate& operator=(const SessionGate&) = delete;
  virtual ~SessionGate() = default;

  /// False: no session may be open now.
  [[nodiscard]] virtual bool is_open() const noexcept = 0;
  virtual void note_opened() noexcept = 0;
  virtual void note_closed() noexcept = 0;
};

/// The gate of the sources that this thread makes; null: they need no permission.
inline std::shared_ptr<SessionGate>& gate_of_thread() noexcept {
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
      end();
      gate_ = std::exchange(other.gate_, nullptr);
    }
    return *this;
  }
  CountedSession(const CountedSession&) = delete;
  CountedSession& operator=(const CountedSession&) = delete;
  ~CountedSession() { end(); }

  void end() noexcept {
    if (const auto gate = std::exchange(gate_, nullptr)) gate->note_closed();
  }

 private:
  std::shared_ptr<SessionGate> gate_;
};

}  // namespace freshframe::core
