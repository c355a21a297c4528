// freshframe.Reader: pulls samples into Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "bindings/border/fork_guard.hpp"
#include "bindings/frame/format_use.hpp"
#include "bindings/read/sample.hpp"
#include "core/pipeline/graph/reader.hpp"
#include "platform/wake_up.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// The native part of a Python Reader. Keeps only the last sample that a call returned. Used by one thread at
/// a time: a second one gets a StateError. latest(), close(), has_ended() and name() are thread-safe.
class PythonReader {
 public:
  /// `engine` is the Python object: it keeps the exception that this reader may have to raise.
  PythonReader(std::shared_ptr<core::ReaderCore> core, NodeNames names, nanobind::object engine)
      : core_(std::move(core)), names_(std::move(names)), engine_(std::move(engine)) {}
  PythonReader(PythonReader&&) noexcept = default;
  ~PythonReader();

  /// `max_age` in seconds.
  [[nodiscard]] nanobind::object latest(gil::Held& held, std::optional<double> max_age);
  [[nodiscard]] nanobind::object poll(gil::Held& held);
  /// Returns a new reference to the next sample, or to None if the timeout passes first. Makes the formats of
  /// `use` for the sample's frame before it takes the GIL again.
  [[nodiscard]] PyObject* wait(gil::Held& held, double timeout, FormatUse use = {});
  /// get(): waits in slices.
  [[nodiscard]] PyObject* get(gil::Held& held, std::optional<double> timeout);
  [[nodiscard]] bool has_ended() const {
    guard_.check("this reader");
    return core_->has_ended();
  }
  [[nodiscard]] std::optional<std::string> explain_empty_loop() {
    return guard_.has_forked() ? std::nullopt : core_->explain_empty_loop();
  }
  void close();
  [[nodiscard]] const std::string& name() const { return core_->name(); }
  /// A file descriptor that becomes readable when poll() may return a sample.
  [[nodiscard]] int wake_fd();
  /// Called before a check for a sample: a later arrival makes the descriptor readable.
  void reset_wake();
  /// Called with true before a wait on the descriptor, so that a NEXT queue delivers the next sample, and
  /// with false after it.
  void arm(bool waits);
  /// For a wait on the descriptor: returns the seconds after which a join's set is due, so that the reader
  /// must be checked even if nothing arrives.
  [[nodiscard]] std::optional<double> look_within() const {
    const auto within = core::look_within(core_->inbox());
    return within ? std::optional(within->count()) : std::nullopt;
  }
  /// Throws StalledError if waiting longer would be pointless. For a wait on the descriptor.
  void check_stalled();

  class Use;

  static int traverse(PyObject* self, visitproc visit, void* arg) noexcept;
  static int clear(PyObject* self) noexcept;

 private:
  nanobind::object keep(core::Handed handed);
  [[nodiscard]] nanobind::object last() const;
  /// Returns true while another thread is in a call other than latest().
  [[nodiscard]] bool is_used_elsewhere() const noexcept;
  PyObject* hand_out(std::optional<core::Handed> handed);
  void stop_after_interrupt(gil::Held& held);

  std::shared_ptr<core::ReaderCore> core_;
  std::uint64_t taker_ = FormatUse::make_taker();
  NodeNames names_;
  nanobind::object engine_;
  nanobind::object last_;
  std::shared_ptr<platform::WakeUp> wake_up_;
  struct Shared {
    std::atomic<std::thread::id> user;  // the thread that is using the reader, if any
    nanobind::ft_mutex last;            // guards last_ and order
    std::uint64_t order = 0;            // order of last_: two threads in latest() may overtake each other
  };
  std::unique_ptr<Shared> shared_ = std::make_unique<Shared>();
  ForkGuard guard_;
};

}  // namespace freshframe::python
