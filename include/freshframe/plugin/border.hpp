// The C function table of a node class, which converts values and catches the class's exceptions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/plugin/frame.hpp"
#include "freshframe/plugin/node.hpp"
#include "freshframe/plugin/options.hpp"
#include "freshframe/plugin/table.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe::plugin {
inline namespace v1 {

// Hidden visibility, so that two libraries with node classes of the same name do not share functions.
namespace [[gnu::visibility("hidden")]] detail {

template <class T>
constexpr const char* type_name() {
  if constexpr (std::is_same_v<T, Nothing>)
    return nullptr;
  else if constexpr (std::is_same_v<T, Frame>)
    return "frame";
  else if constexpr (std::is_same_v<T, Circles>)
    return "circles";
  else if constexpr (std::is_same_v<T, Detections>)
    return "detections";
  else if constexpr (std::is_same_v<T, double>)
    return "float64";
  else if constexpr (std::is_same_v<T, Array>)
    return "array";
  else {
    static_assert(std::is_same_v<T, Table>,
                  "a node takes and gives Frame, Circles, Detections, double, Array or Table");
    return "table";
  }
}

inline void write(freshframe_error* error, const char* text) noexcept {
  if (error->capacity == 0) return;
  std::strncpy(error->text, text, static_cast<std::size_t>(error->capacity - 1));
  error->text[error->capacity - 1] = '\0';
}

// Runs `call`. Turns an exception into -1 and a message.
template <class F>
std::int32_t run_guarded(freshframe_error* error, const F& call) noexcept {
  try {
    return call();
  } catch (const std::exception& thrown) {
    write(error, thrown.what());
  } catch (...) {
    write(error, "an exception not derived from std::exception");
  }
  return -1;
}

template <class T>
T read_value(const freshframe_host* host, const freshframe_value& value) {
  if constexpr (std::is_same_v<T, Frame>)
    return Frame(host, value.frame);
  else if constexpr (std::is_same_v<T, double>)
    return (void)host, value.number;
  else
    return (void)host, T(value.columns);
}

// Owns a table passed to the engine, which frees it with freshframe_value::release.
struct Parcel {
  Table table;
  std::vector<freshframe_column> columns;
};

template <class T>
std::int32_t give(T value, freshframe_value* out) {
  if constexpr (std::is_same_v<T, Nothing>) {
    (void)value;
    (void)out;
    return 0;
  } else {
    out->type = type_name<T>();
    if constexpr (std::is_same_v<T, Frame>) {
      out->frame = std::move(value).release();
    } else if constexpr (std::is_same_v<T, double>) {
      out->number = value;
    } else {
      auto parcel = std::make_unique<Parcel>();
      parcel->table = std::move(value);
      parcel->table.take_over();  // copies columns of the input, which is invalid after the call
      parcel->columns = parcel->table.c_columns();
      out->columns = {parcel->columns.data(), parcel->columns.size(), sizeof(freshframe_column)};
      out->owner = parcel.release();
      out->release = [](void* owner) { delete static_cast<Parcel*>(owner); };
    }
    return 1;
  }
}

// Engines before 0.2 have a smaller stamp, without wall times.
inline bool has_utc(const freshframe_stamp& stamp) {
  return stamp.size >= offsetof(freshframe_stamp, part);
}

inline Utc read_utc(const freshframe_stamp& stamp) {
  if (!has_utc(stamp)) return {};
  return {stamp.utc, stamp.utc_error, static_cast<UtcFrom>(stamp.utc_from)};
}

inline void give_utc(const Utc& utc, freshframe_stamp& stamp) {
  if (!has_utc(stamp)) return;
  stamp.utc = utc.seconds;
  stamp.utc_error = utc.error;
  stamp.utc_from = static_cast<std::int32_t>(utc.from);
}

inline Stamp read_stamp(const freshframe_stamp& stamp) {
  return {stamp.seq,    stamp.pts,          stamp.captured_ns, stamp.dropped,
          stamp.source, stamp.damaged != 0, read_utc(stamp),   has_utc(stamp) ? stamp.part : 0};
}

inline freshframe_stamp c_stamp(const Stamp& stamp) {
  return {sizeof(freshframe_stamp),
          stamp.seq,
          stamp.pts,
          stamp.captured_ns,
          0,
          stamp.source,
          stamp.damaged ? 1 : 0,
          stamp.utc.seconds,
          stamp.utc.error,
          static_cast<std::int32_t>(stamp.utc.from),
          0};
}

// Emits the results of one call. A result that the engine rejects ends the call with an exception; the engine
// knows why and reports that instead.
template <class T>
class BorderOut final : public Out<T> {
 public:
  explicit BorderOut(const freshframe_outlet* outlet) : outlet_(outlet) {}

 private:
  bool emit(T value, const Stamp* like, const Frame* frame) override {
    freshframe_value given{};
    given.size = sizeof given;
    if (give<T>(std::move(value), &given) == 0) return true;  // Nothing
    freshframe_stamp stamp{};
    if (like != nullptr) stamp = c_stamp(*like);
    const auto code = outlet_->emit(outlet_->self, &given, like != nullptr ? &stamp : nullptr,
                                    frame != nullptr ? frame->handle() : nullptr);
    if (code < 0) throw std::runtime_error("the engine refused a result");
    return code != 0;
  }

  const freshframe_outlet* outlet_;
};

template <class Class>
struct Shim {
  using In = typename Class::Input;
  using Result = typename Class::Output;
  static constexpr bool kIsSource = std::is_same_v<In, Nothing>;
  static constexpr bool kGivesOne = !kIsSource && !Class::kFreshframeSeveral;

  static void* create(const freshframe_options* options, freshframe_error* error) noexcept {
    Class* made = nullptr;
    run_guarded(error, [&] {
      if constexpr (std::is_constructible_v<Class, const Options&>) {
        made = new Class(Options(options));
      } else if constexpr (std::is_default_constructible_v<Class>) {
        made = new Class();
      } else {
        throw std::logic_error("only its extension module can create objects of this class");
      }
      return 0;
    });
    return made;
  }
  static void destroy(void* self) noexcept { delete static_cast<Class*>(self); }
  static std::int32_t open(void* self, const freshframe_host* host, freshframe_error* error) noexcept {
    auto& node = *static_cast<Class*>(self);
    node.freshframe_context.attach(host);
    node.freshframe_taken = 1;
    return run_guarded(error, [&] { return node.open(node.freshframe_context), 0; });
  }
  static std::int32_t process(void* self, const freshframe_sample* sample, freshframe_value* out,
                              freshframe_error* error) noexcept {
    if constexpr (kGivesOne) {
      auto& node = *static_cast<Class*>(self);
      return run_guarded(error, [&]() -> std::int32_t {
        const auto* const host = node.freshframe_context.host();
        const In value = read_value<In>(host, *sample->value);
        const Frame frame(host, sample->frame);
        const Sample<In> given{read_stamp(*sample->stamp), value, frame};
        std::optional<Result> result = node.process(given, node.freshframe_context);
        return result ? give<Result>(std::move(*result), out) : 0;
      });
    } else {
      return (void)self, (void)sample, (void)out, (void)error, -1;
    }
  }
  static std::int32_t process_out(void* self, const freshframe_sample* sample,
                                  const freshframe_outlet* outlet, freshframe_error* error) noexcept {
    if constexpr (Class::kFreshframeSeveral) {
      auto& node = *static_cast<Class*>(self);
      return run_guarded(error, [&]() -> std::int32_t {
        const auto* const host = node.freshframe_context.host();
        const In value = read_value<In>(host, *sample->value);
        const Frame frame(host, sample->frame);
        const Sample<In> given{read_stamp(*sample->stamp), value, frame};
        BorderOut<Result> out(outlet);
        return node.process(given, out, node.freshframe_context), 0;
      });
    } else {
      return (void)self, (void)sample, (void)outlet, (void)error, -1;
    }
  }
  static double tick_every(void* self) noexcept {
    if constexpr (Class::kFreshframeTicks) {
      double seconds = 0;  // an invalid interval, which the engine rejects
      char text[1];
      freshframe_error error{sizeof error, text, sizeof text};
      run_guarded(&error, [&] { return seconds = static_cast<Class*>(self)->tick_every(), 0; });
      return seconds;
    } else {
      return (void)self, 0;
    }
  }
  static std::int32_t on_tick(void* self, std::int64_t now_ns, const freshframe_outlet* outlet,
                              freshframe_error* error) noexcept {
    if constexpr (Class::kFreshframeTicks) {
      auto& node = *static_cast<Class*>(self);
      return run_guarded(error, [&]() -> std::int32_t {
        BorderOut<Result> out(outlet);
        return node.on_tick(static_cast<double>(now_ns) * 1e-9, out, node.freshframe_context), 0;
      });
    } else {
      return (void)self, (void)now_ns, (void)outlet, (void)error, -1;
    }
  }
  static std::int32_t finish(void* self, const freshframe_outlet* outlet, freshframe_error* error) noexcept {
    if constexpr (Class::kFreshframeFinishes) {
      auto& node = *static_cast<Class*>(self);
      return run_guarded(error, [&]() -> std::int32_t {
        BorderOut<Result> out(outlet);
        return node.finish(out, node.freshframe_context), 0;
      });
    } else {
      return (void)self, (void)outlet, (void)error, -1;
    }
  }
  static std::int32_t read(void* self, freshframe_value* out, freshframe_stamp* stamp,
                           freshframe_error* error) noexcept {
    if constexpr (kIsSource) {
      auto& node = *static_cast<Class*>(self);
      return run_guarded(error, [&]() -> std::int32_t {
        std::optional<Item<Result>> item = node.read(node.freshframe_context);
        if (!item) return 0;
        stamp->pts = item->pts;
        stamp->captured_ns = item->captured_ns;
        stamp->seq = item->seq;
        give_utc(item->utc, *stamp);
        return give<Result>(std::move(item->value), out);
      });
    } else {
      return (void)self, (void)out, (void)stamp, (void)error, -1;
    }
  }
  static std::int32_t close(void* self, freshframe_error* error) noexcept {
    return run_guarded(error, [&] { return static_cast<Class*>(self)->close(), 0; });
  }

  static constexpr bool is_live() {
    if constexpr (kIsSource)
      return Class::live;
    else
      return false;
  }
};

// Whether Class publicly derives from Node or Source.
template <class Class, class = void>
inline constexpr bool kIsNode = false;
template <class Class>
inline constexpr bool kIsNode<Class, std::void_t<typename Class::Input, typename Class::Output>> = true;

}  // namespace detail

template <class Class>
[[gnu::visibility("hidden")]] constexpr freshframe_node node_table(const char* name) {
  static_assert(
      detail::kIsNode<Class>,
      "a node's class derives publicly from freshframe::plugin::Node or Source: `class Blobs : public "
      "Node<Frame, double>`");
  if constexpr (detail::kIsNode<Class>) {
    using Shim = detail::Shim<Class>;
    return {sizeof(freshframe_node),
            FRESHFRAME_ABI_VERSION,
            name,
            detail::type_name<typename Class::Input>(),
            detail::type_name<typename Class::Output>(),
            Shim::is_live() ? 1 : 0,
            0,
            &Shim::create,
            &Shim::destroy,
            &Shim::open,
            Shim::kGivesOne ? &Shim::process : nullptr,
            Shim::kIsSource ? &Shim::read : nullptr,
            &Shim::close,
            nullptr,
            Class::kFreshframeSeveral ? &Shim::process_out : nullptr,
            Class::kFreshframeTicks ? &Shim::tick_every : nullptr,
            Class::kFreshframeTicks ? &Shim::on_tick : nullptr,
            Class::kFreshframeFinishes ? &Shim::finish : nullptr,
            FRESHFRAME_FURTHER_COLUMNS};
  } else {
    return {};
  }
}

/// Like the table of a single object, for a class that the library exports, with extra checks.
template <class Class>
[[gnu::visibility("hidden")]] constexpr freshframe_node exported_table(const char* name) {
  static_assert(
      !std::is_abstract_v<Class>,
      "FRESHFRAME_NODE: the class is abstract: a method of its base is missing, or has other arguments. "
      "A node needs process() as its base declares it, a source read(), Ticking tick_every() and "
      "on_tick(). Write override behind yours, and the compiler names the one that differs");
  static_assert(
      std::is_abstract_v<Class> || std::is_constructible_v<Class, const Options&> ||
          std::is_default_constructible_v<Class>,
      "FRESHFRAME_NODE: the class needs a public constructor that takes a const Options&, or nothing");
  return node_table<Class>(name);
}

}  // namespace v1
}  // namespace freshframe::plugin
