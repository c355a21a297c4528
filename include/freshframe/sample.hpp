// The samples on an edge: a value, its stamp, and the frame that it was computed from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/stamp.hpp"
#include "freshframe/utc.hpp"

#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe {

/// Identifies a C++ type on an edge. Compare addresses; `name` is only for messages.
struct TypeInfo {
  std::string_view name;
  bool events = false;  // whether values of this type can contain events, see HasEvents
};

/// A type whose values contain events as well as state. If an edge drops such a value, its events must not be
/// lost, so the next value that is delivered absorbs them. `older` are the dropped values, oldest first.
template <class T>
concept HasEvents = requires(T& value, const T& dropped, std::span<const T* const> older) {
  { dropped.has_events() } -> std::same_as<bool>;
  value.absorb(older);
};

/// The name of a type in error messages. Specialise it for public result types.
template <class T>
inline constexpr std::string_view kTypeName = "C++ value";
template <>
inline constexpr std::string_view kTypeName<Frame> = "Frame";
template <>
inline constexpr std::string_view kTypeName<double> = "float";

/// The TypeInfo of T. Its address is unique within one binary.
template <class T>
[[nodiscard]] const TypeInfo* get_type() noexcept {
  static constexpr TypeInfo info{kTypeName<T>, HasEvents<T>};
  return &info;
}

class ValueRef;

/// A reference-counted value of any type. Immutable once it is on an edge.
class Value {
 public:
  explicit Value(const TypeInfo* type) noexcept : type_(type) {}
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  virtual ~Value() = default;
  [[nodiscard]] const TypeInfo* type() const noexcept { return type_; }
  [[nodiscard]] virtual bool has_events() const noexcept { return false; }
  /// Returns this value plus the events of older values of the same type; empty if the type has no events.
  [[nodiscard]] virtual ValueRef add_events(std::span<const ValueRef> older) const;

 private:
  friend class ValueRef;
  std::atomic<int> references_{1};
  const TypeInfo* type_;
};

/// Wraps a value of type T for edges, which are untyped.
template <class T>
class ValueOf final : public Value {
 public:
  explicit ValueOf(T value) : Value(get_type<T>()), value_(std::move(value)) {}
  [[nodiscard]] const T& get() const noexcept { return value_; }
  [[nodiscard]] bool has_events() const noexcept override;
  [[nodiscard]] ValueRef add_events(std::span<const ValueRef> older) const override;

 private:
  T value_;
};

/// Intrusive shared pointer to a Value. Empty on an edge of frames, where the frame is the value.
class ValueRef {
 public:
  ValueRef() noexcept = default;
  /// Takes over the initial reference of `value`.
  explicit ValueRef(Value* value) noexcept : value_(value) {}
  ValueRef(const ValueRef& other) noexcept : value_(other.value_) {
    if (value_ != nullptr) value_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  ValueRef(ValueRef&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  ValueRef& operator=(ValueRef other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~ValueRef() {
    if (value_ != nullptr && value_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete value_;
  }

  template <class T>
  [[nodiscard]] static ValueRef make(T value) {
    return ValueRef(new ValueOf<T>(std::move(value)));
  }

  explicit operator bool() const noexcept { return value_ != nullptr; }
  [[nodiscard]] const Value* get() const noexcept { return value_; }
  /// Returns the value as T, or nullptr if it has another type.
  template <class T>
  [[nodiscard]] const T* as() const noexcept {
    if (value_ == nullptr || value_->type() != get_type<T>()) return nullptr;
    return &static_cast<const ValueOf<T>*>(value_)->get();
  }

 private:
  Value* value_ = nullptr;
};

inline ValueRef Value::add_events(std::span<const ValueRef> /*older*/) const {
  return {};
}

template <class T>
bool ValueOf<T>::has_events() const noexcept {
  if constexpr (HasEvents<T>) return value_.has_events();
  return false;
}

template <class T>
ValueRef ValueOf<T>::add_events(std::span<const ValueRef> older) const {
  if constexpr (HasEvents<T>) {
    std::vector<const T*> values;
    for (const auto& each : older) values.push_back(each.as<T>());
    T result = value_;
    result.absorb(values);
    return ValueRef::make<T>(std::move(result));
  }
  return {};
}

/// The engine's untyped sample. If `value` is empty, `frame` is the value.
struct AnySample {
  Stamp stamp;
  Frame frame;
  ValueRef value;
  std::uint64_t dropped = 0;  // samples dropped on this edge since the previous one
  int node = -1;              // index of the node that sent the sample, see Pipeline::node_name()
};

namespace detail {

/// Owns a sample's value. It is a base class so that it is initialised before the reference to the value.
class HeldValue {
 protected:
  explicit HeldValue(ValueRef value) noexcept : held_(std::move(value)) {}
  [[nodiscard]] const ValueRef& held() const noexcept { return held_; }

 private:
  ValueRef held_;
};

}  // namespace detail

/// A typed view of a sample; keeps value and frame alive. Copies share both.
template <class T>
class Sample : private detail::HeldValue {
 public:
  explicit Sample(AnySample sample)
      : HeldValue(std::move(sample.value)),
        stamp(std::move(sample.stamp)),
        frame(std::move(sample.frame)),
        dropped(sample.dropped),
        node(sample.node),
        value(*held().template as<T>()) {}
  Sample(const Sample&) = default;
  Sample(Sample&&) noexcept = default;
  /// A reference member cannot be reassigned, so this destroys and reconstructs the sample.
  Sample& operator=(Sample other) noexcept {
    std::destroy_at(this);
    return *std::construct_at(this, std::move(other));
  }
  ~Sample() = default;

  Stamp stamp;
  Frame frame;
  std::uint64_t dropped = 0;
  int node = -1;  // index of the node that sent the sample
  const T& value;
};

template <>
class Sample<Frame> {
 public:
  explicit Sample(AnySample sample)
      : stamp(sample.stamp),
        frame(sample.frame),
        dropped(sample.dropped),
        node(sample.node),
        value(std::move(sample.frame)) {}

  Stamp stamp;
  Frame frame;
  std::uint64_t dropped = 0;
  int node = -1;  // index of the node that sent the sample
  Frame value;
};

}  // namespace freshframe
