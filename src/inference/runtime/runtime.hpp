// Loads ONNX Runtime once from the library that a program names. Errors become exceptions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference/runtime/onnx_abi.hpp"

namespace freshframe::inference {

/// The library, which is never unloaded. Thread-safe.
class Runtime {
 public:
  /// Loads `library`, or returns it if it is already loaded. Throws Error with the install command if it is
  /// missing, invalid or too old.
  [[nodiscard]] static const Runtime& load(const std::string& library);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  [[nodiscard]] const std::string& version() const noexcept { return version_; }
  /// The providers of the library, by their ONNX Runtime names ("CPUExecutionProvider").
  [[nodiscard]] const std::vector<std::string>& providers() const noexcept { return providers_; }
  [[nodiscard]] ort::Env* env() const noexcept { return env_; }
  /// Returns true if ort::GetGraphAssignment may be called.
  [[nodiscard]] bool can_tell_nodes() const noexcept { return can_tell_nodes_; }

  /// Calls a function that does not return a status.
  template <std::size_t kPlace, class Result, class... Takes, class... Given>
  Result plain(ort::Entry<kPlace, Result(Takes...)> /*entry*/, Given... given) const {
    using Function = Result (*)(Takes...);
    return reinterpret_cast<Function>(table_[kPlace])(given...);
  }
  /// Calls a function that returns a status. Throws Error with its message on failure.
  template <std::size_t kPlace, class... Takes, class... Given>
  void call(ort::Entry<kPlace, ort::Status*(Takes...)> entry, Given... given) const {
    if (ort::Status* const status = plain(entry, given...)) raise(status);
  }
  /// The message of a status. Releases the status.
  [[nodiscard]] std::string read_message(ort::Status* status) const;

 private:
  using AnyFunction = void (*)();
  struct Loaded;

  explicit Runtime(const std::string& library);
  [[noreturn]] void raise(ort::Status* status) const;

  const AnyFunction* table_ = nullptr;
  std::string version_;
  std::vector<std::string> providers_;
  ort::Env* env_ = nullptr;
  bool can_tell_nodes_ = false;
};

/// The first line of an ONNX Runtime message, at most 400 characters.
[[nodiscard]] std::string shorten_reason(std::string text);

/// While this object exists, keeps the last error that ONNX Runtime logs on this thread.
class LoggedError {
 public:
  LoggedError() noexcept;
  LoggedError(const LoggedError&) = delete;
  LoggedError& operator=(const LoggedError&) = delete;
  ~LoggedError();

  /// The last message without its location in ONNX Runtime's source; empty if nothing was logged.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  mutable std::string text_;  // mutable, because ONNX Runtime's logger writes it even if this object is const
  std::string* outer_;
};

/// Owns an ONNX Runtime object; `Release` is the Entry that frees it.
template <class T, class Release>
class Owned {
 public:
  explicit Owned(const Runtime& runtime, T* object = nullptr) noexcept
      : runtime_(&runtime), object_(object) {}
  Owned(Owned&& other) noexcept : runtime_(other.runtime_), object_(other.object_) {
    other.object_ = nullptr;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Owned& operator=(Owned&&) = delete;
  ~Owned() {
    if (object_ != nullptr) runtime_->plain(Release{}, object_);
  }

  [[nodiscard]] T* get() const noexcept { return object_; }
  /// For functions that return an object through an output parameter.
  [[nodiscard]] T** out() noexcept { return &object_; }

 private:
  const Runtime* runtime_;
  T* object_;
};

}  // namespace freshframe::inference
