// Runs a single node without an engine, for tests of a plugin. Not included by plugin.hpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/plugin/context.hpp"
#include "freshframe/plugin/frame.hpp"
#include "freshframe/plugin/node.hpp"
#include "freshframe/plugin/options.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe::plugin {
inline namespace v1 {

/// Options for a node's constructor: GivenOptions({{"cell", 8}, {"mode", "fast"}}).get(). Must outlive that
/// constructor call.
class GivenOptions {
 public:
  /// A number, string, list of numbers or bytes.
  struct Value {
    Value(bool value) : kind(FRESHFRAME_OPTION_BOOL), integer(value ? 1 : 0) {}
    Value(int value) : Value(static_cast<std::int64_t>(value)) {}
    Value(std::int64_t value)
        : kind(FRESHFRAME_OPTION_INT64), integer(value), number(static_cast<double>(value)) {}
    Value(double value) : kind(FRESHFRAME_OPTION_FLOAT64), number(value) {}
    Value(const char* value) : kind(FRESHFRAME_OPTION_TEXT), text(value) {}
    Value(std::string value) : kind(FRESHFRAME_OPTION_TEXT), text(std::move(value)) {}
    Value(std::vector<double> value) : kind(FRESHFRAME_OPTION_NUMBERS), numbers(std::move(value)) {}
    Value(const std::vector<std::byte>& value) : kind(FRESHFRAME_OPTION_BYTES) {
      for (const auto each : value) text.push_back(static_cast<char>(each));
    }

    std::int32_t kind = 0;
    std::int64_t integer = 0;
    double number = 0;
    std::string text = {};
    std::vector<double> numbers = {};
  };

  GivenOptions(std::map<std::string, Value> values = {}) : values_(std::move(values)) {}
  GivenOptions(const GivenOptions&) = delete;
  GivenOptions& operator=(const GivenOptions&) = delete;

  [[nodiscard]] Options get() const noexcept { return Options(&table_); }

 private:
  static std::int32_t find(void* self, const char* name, freshframe_option* out) {
    const auto& values = static_cast<const GivenOptions*>(self)->values_;
    const auto found = values.find(name);
    if (found == values.end()) return 0;
    const auto& value = found->second;
    const bool has_numbers = value.kind == FRESHFRAME_OPTION_NUMBERS;
    *out = {sizeof(freshframe_option),
            value.kind,
            0,
            value.integer,
            value.number,
            value.text.c_str(),
            static_cast<std::uint64_t>(has_numbers ? value.numbers.size() : value.text.size())};
    if (has_numbers) out->data = value.numbers.data();
    return 1;
  }

  std::map<std::string, Value> values_;
  freshframe_options table_{sizeof(freshframe_options), this, &find};
};

/// An output value of a node.
template <class T>
struct NodeResult {
  std::int64_t seq = 0;  // index of the input value, from 0; -1 for finish()
  T value;
};

namespace [[gnu::visibility("hidden")]] detail {

// Stands in for the engine: each frame has its own memory, wait() advances the clock, and the log goes to
// std::clog.
class LoneHost {
 public:
  [[nodiscard]] static const freshframe_host* table() noexcept {
    static LoneHost host;
    return &host.table_;
  }

  // What a freshframe_frame* of this host points to.
  struct Pixels {
    Picture picture;
    std::shared_ptr<const void> owner;
  };
  [[nodiscard]] static freshframe_frame* handle(Pixels pixels) {
    return reinterpret_cast<freshframe_frame*>(new Pixels(std::move(pixels)));
  }

 private:
  static const Pixels& behind(const freshframe_frame* frame) {
    return *reinterpret_cast<const Pixels*>(frame);
  }

  static void log(void* /*self*/, std::int32_t /*level*/, const char* text) { std::clog << text << '\n'; }
  static void count_drops(void* /*self*/, const char* /*cause*/, std::uint64_t /*count*/) {}
  static std::int64_t now_ns(void* self) { return static_cast<LoneHost*>(self)->now_ns_; }
  static std::int32_t stop_requested(void* /*self*/) { return 0; }
  static std::int32_t stop_fd(void* /*self*/) { return -1; }
  static std::int32_t wait(void* self, double seconds) {
    if (seconds > 0) static_cast<LoneHost*>(self)->now_ns_ += std::llround(std::min(seconds, 1e9) * 1e9);
    return 0;
  }

  static void show(const Picture& picture, int planes, freshframe_picture* out) {
    thread_local std::array<freshframe_plane, 3> shown;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const auto& from = picture.planes[i];
      shown[i] = {from.data, from.rows, from.row_bytes, from.stride};
    }
    *out = {sizeof(freshframe_picture),
            picture.width,
            picture.height,
            picture.format.c_str(),
            picture.range.c_str(),
            picture.space.c_str(),
            {}};
    out->planes = {shown.data(), static_cast<std::uint64_t>(planes), sizeof(freshframe_plane)};
  }
  // No colour conversion here: an image is only available in its own format or as its luma.
  static std::int32_t picture(void* /*self*/, const freshframe_frame* frame, const char* format,
                              freshframe_picture* out) {
    const auto& own = behind(frame).picture;
    const bool is_luma =
        format != nullptr && std::strcmp(format, "gray") == 0 && own.format != "bgr" && own.format != "rgb";
    if (format != nullptr && own.format != format && !is_luma) return -1;
    show(own, is_luma ? 1 : own.plane_count, out);
    if (is_luma) out->format = "gray";
    return 0;
  }
  static freshframe_frame* keep_frame(void* /*self*/, const freshframe_frame* frame) {
    return handle(behind(frame));
  }

  static freshframe_frame* make_frame(void* /*self*/, const freshframe_picture* wanted,
                                      freshframe_picture* out) {
    auto made = view_picture(*wanted);
    if (!find_fault(made).empty()) return nullptr;
    lay_out(made);
    std::size_t bytes = 0;
    for (const auto& plane : made.planes)
      bytes += static_cast<std::size_t>(plane.rows) * static_cast<std::size_t>(plane.row_bytes);
    auto memory = std::make_shared<std::vector<std::uint8_t>>(bytes);
    const std::uint8_t* at = memory->data();
    for (auto& plane : made.planes) {
      plane.data = at;
      at += static_cast<std::ptrdiff_t>(plane.rows) * plane.row_bytes;
    }
    auto* const frame = handle({std::move(made), std::move(memory)});
    show(behind(frame).picture, behind(frame).picture.plane_count, out);
    return frame;
  }
  static freshframe_frame* wrap_frame(void* /*self*/, const freshframe_picture* given, void* owner,
                                      void (*release)(void*)) {
    auto picture = view_picture(*given);
    if (!find_plane_fault(picture).empty()) return nullptr;
    return handle({std::move(picture), std::shared_ptr<const void>(owner, [release](const void* kept) {
                     if (release != nullptr) release(const_cast<void*>(kept));
                   })});
  }
  static void release_frame(void* /*self*/, freshframe_frame* frame) {
    delete reinterpret_cast<Pixels*>(frame);
  }

  std::int64_t now_ns_ = 0;
  freshframe_host table_{sizeof(freshframe_host),
                         FRESHFRAME_ABI_VERSION,
                         this,
                         &log,
                         &count_drops,
                         &now_ns,
                         &stop_requested,
                         &stop_fd,
                         &wait,
                         &picture,
                         &keep_frame,
                         &make_frame,
                         &wrap_frame,
                         &release_frame};
};

}  // namespace detail

/// Creates a frame for run_node(). `pixels` are the planes one after the other, without padding. Throws
/// std::invalid_argument.
[[nodiscard]] inline Frame make_frame(int width, int height, const std::vector<std::uint8_t>& pixels,
                                      std::string format = "gray") {
  Context context;
  context.attach(detail::LoneHost::table());
  Picture like;
  like.width = width;
  like.height = height;
  like.format = std::move(format);
  auto frame = context.make_frame(like);
  std::size_t at = 0;
  for (int i = 0; i < frame.picture().plane_count; ++i) {
    const auto plane = frame.plane(i);
    const auto bytes = static_cast<std::size_t>(plane.rows) * static_cast<std::size_t>(plane.row_bytes);
    if (at + bytes > pixels.size()) throw std::invalid_argument("there are too few pixels for this size");
    std::memcpy(plane.data, pixels.data() + at, bytes);
    at += bytes;
  }
  if (at != pixels.size()) throw std::invalid_argument("there are too many pixels for this size");
  return std::move(frame).publish();
}

namespace detail {

template <class T>
class KeptOut final : public Out<T> {
 public:
  std::int64_t seq = 0;
  std::vector<NodeResult<T>> results;

 private:
  bool emit(T value, const Stamp* like, const Frame* /*frame*/) override {
    results.push_back({like != nullptr ? like->seq : seq, std::move(value)});
    return true;
  }
};

template <class Class, class In, class Result, class Process>
std::vector<NodeResult<Result>> run_alone(Class& node, Context& context, const std::vector<In>& values,
                                          double fps, const Process& process) {
  context.attach(LoneHost::table());
  node.open(context);
  KeptOut<Result> kept;
  try {
    const Frame none;
    for (const auto& value : values) {
      const Frame* frame = &none;
      if constexpr (std::is_same_v<In, Frame>) frame = &value;
      const double pts = static_cast<double>(kept.seq) / fps;
      const auto now_ns = context.host()->now_ns(context.host()->self);
      process(Sample<In>{{kept.seq, pts, now_ns, 0, 0}, value, *frame}, kept);
      ++kept.seq;
    }
    kept.seq = -1;
    if constexpr (Class::kFreshframeFinishes) node.finish(kept, context);
  } catch (...) {
    node.close();
    throw;
  }
  node.close();
  return std::move(kept.results);
}

}  // namespace detail

/// Calls open(), process() for each value, finish() if the class has it, and close(), all on this thread.
/// Returns the emitted values. Value `seq` and its results get the pts `seq` / `fps`; results of finish()
/// have seq -1. on_tick() is never called. Exceptions of the node propagate. Frames are only available in
/// their own format or as their luma, without colour conversion. Context::wait() returns immediately, and the
/// log goes to std::clog.
template <class Class, class In = typename Class::Input, class Result = typename Class::Output>
std::vector<NodeResult<Result>> run_node(Class& node, const std::vector<In>& values, double fps = 30) {
  Context context;
  return detail::run_alone<Class, In, Result>(node, context, values, fps,
                                              [&](const Sample<In>& sample, detail::KeptOut<Result>& kept) {
                                                if constexpr (Class::kFreshframeSeveral) {
                                                  Out<Result>& out = kept;
                                                  node.process(sample, out, context);
                                                } else if (auto result = node.process(sample, context)) {
                                                  kept.results.push_back({kept.seq, *std::move(result)});
                                                }
                                              });
}

/// Reads up to `most` items from a source. Throws std::logic_error if `seq` does not increase.
template <class Out>
std::vector<Item<Out>> run_source(Source<Out>& source, std::size_t most) {
  Context context;
  context.attach(detail::LoneHost::table());
  source.open(context);
  std::vector<Item<Out>> items;
  std::int64_t next = 0;
  try {
    while (items.size() < most) {
      auto item = source.read(context);
      if (!item) break;
      if (item->seq != -1 && item->seq < next) {
        throw std::logic_error("the source returned the seq " + std::to_string(item->seq) + " after " +
                               std::to_string(next - 1) + ": each must be greater than the one before");
      }
      next = (item->seq != -1 ? item->seq : next) + 1;
      items.push_back(*std::move(item));
    }
  } catch (...) {
    source.close();
    throw;
  }
  source.close();
  return items;
}

}  // namespace v1
}  // namespace freshframe::plugin
