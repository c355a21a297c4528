// A node of your own in C++17: derive from Node or Source, export it with FRESHFRAME_NODE. Header only; links nothing.
// SPDX-License-Identifier: Apache-2.0
//
// This is the plugin's side of the C border in abi.h. Any compiler and standard library will do: exceptions are caught here
// and cross as text, memory is freed by the side that allocated it.
#pragma once

#include "freshframe/abi.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe::plugin {
inline namespace v1 {

/// Output of a sink.
struct Nothing {};

// ---- options -------------------------------------------------------------------------------------------------

/// The options that freshframe.native.node() was given. Valid in the constructor.
class Options {
 public:
  explicit Options(const freshframe_options* table) noexcept : table_(table) {}

  /// The option of that name, or `fallback`; an int for a double is fine. Throws std::invalid_argument for another type. An
  /// option that was given and is never asked for is an error of the caller's. T: bool, an integer, a floating
  /// point number, std::string, std::vector<double> or std::vector<std::byte>.
  template <class T>
  [[nodiscard]] T get(const char* name, T fallback) const {
    freshframe_option option{};
    option.size = sizeof option;
    if (table_ == nullptr || table_->get(table_->self, name, &option) == 0) return fallback;
    if constexpr (std::is_same_v<T, bool>) {
      require(option.kind == FRESHFRAME_OPTION_BOOL, name, "True or False");
      return option.integer != 0;
    } else if constexpr (std::is_integral_v<T>) {
      require(option.kind == FRESHFRAME_OPTION_INT64, name, "a whole number");
      const auto value = static_cast<T>(option.integer);
      const bool fits =
          static_cast<std::int64_t>(value) == option.integer && (value < T{}) == (option.integer < 0);
      require(fits, name, "within the range of its type");
      return value;
    } else if constexpr (std::is_floating_point_v<T>) {
      require(option.kind == FRESHFRAME_OPTION_INT64 || option.kind == FRESHFRAME_OPTION_FLOAT64, name,
              "a number");
      return static_cast<T>(option.number);
    } else if constexpr (std::is_same_v<T, std::string>) {
      require(option.kind == FRESHFRAME_OPTION_TEXT, name, "a text");
      return std::string(static_cast<const char*>(option.data), static_cast<std::size_t>(option.count));
    } else if constexpr (std::is_same_v<T, std::vector<double>>) {
      require(option.kind == FRESHFRAME_OPTION_NUMBERS, name, "a list of numbers");
      return elements<double>(option);
    } else {
      static_assert(std::is_same_v<T, std::vector<std::byte>>, "no option has this type");
      require(option.kind == FRESHFRAME_OPTION_BYTES, name, "bytes");
      return elements<std::byte>(option);
    }
  }
  [[nodiscard]] std::string get(const char* name, const char* fallback) const {
    return get(name, std::string(fallback));
  }

 private:
  static void require(bool fits, const char* name, const char* wanted) {
    if (!fits) throw std::invalid_argument("option '" + std::string(name) + "' must be " + wanted);
  }
  template <class T>
  static std::vector<T> elements(const freshframe_option& option) {
    const auto* first = static_cast<const T*>(option.data);
    return std::vector<T>(first, first + option.count);
  }

  const freshframe_options* table_;
};

// ---- pictures ------------------------------------------------------------------------------------------------

/// One component array.
struct Plane {
  const std::uint8_t* data = nullptr;
  int rows = 0;
  int row_bytes = 0;
  std::ptrdiff_t stride = 0;  // bytes from row start to row start

  [[nodiscard]] const std::uint8_t* row(int y) const noexcept { return data + y * stride; }
};

/// What a picture is, and its pixels.
struct Picture {
  int width = 0;                // pixels
  int height = 0;               // pixels
  std::string format = "gray";  // nv12, i420, i422, i444, bgr, rgb
  std::string range = "full";   // or limited: 16 to 235
  std::string space = "unspecified";
  std::array<Plane, 3> planes{};
  int plane_count = 0;
};

namespace detail {

inline Picture picture_of(const freshframe_picture& from) {
  Picture picture{from.width, from.height, from.format, from.range, from.space, {}, 0};
  for (std::uint64_t i = 0; i < from.planes.count && i < picture.planes.size(); ++i) {
    freshframe_plane plane;
    std::memcpy(&plane, static_cast<const char*>(from.planes.data) + i * from.planes.element_size,
                sizeof plane);
    picture.planes[static_cast<std::size_t>(i)] = {plane.data, plane.rows, plane.row_bytes,
                                                   static_cast<std::ptrdiff_t>(plane.stride)};
    ++picture.plane_count;
  }
  return picture;
}

}  // namespace detail

/// An immutable frame of the engine's: a view that is valid during the call, or, from keep() and Context, a handle of its
/// own. Let handles go before the node is destroyed.
class Frame {
 public:
  Frame() noexcept = default;
  Frame(const freshframe_host* host, const freshframe_frame* frame) noexcept
      : host_(host), frame_(const_cast<freshframe_frame*>(frame)) {}
  Frame(Frame&& other) noexcept { swap(other); }
  Frame& operator=(Frame&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Frame() {
    if (owns_) host_->release_frame(host_->self, frame_);
  }
  /// Takes over a handle.
  [[nodiscard]] static Frame own(const freshframe_host* host, freshframe_frame* frame) noexcept {
    Frame result(host, frame);
    result.owns_ = true;
    return result;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return frame_ != nullptr; }
  /// As decoded.
  [[nodiscard]] Picture picture() const { return shown(nullptr); }
  /// In another format, converted once and shared by all that use it. Throws std::runtime_error.
  [[nodiscard]] Picture to(const char* format) const { return shown(format); }
  /// The luma; of a YUV frame without a copy, in the video's range.
  [[nodiscard]] Plane gray() const { return shown("gray").planes[0]; }
  [[nodiscard]] Plane bgr() const { return shown("bgr").planes[0]; }
  [[nodiscard]] Plane rgb() const { return shown("rgb").planes[0]; }
  /// A handle that outlives the call: a loan, which the pipeline counts and bounds.
  [[nodiscard]] Frame keep() const {
    auto* const kept = host_->keep_frame(host_->self, frame_);
    if (kept == nullptr) throw std::bad_alloc();
    return own(host_, kept);
  }
  /// For the border: gives the handle up.
  [[nodiscard]] freshframe_frame* release() && noexcept {
    owns_ = false;
    return frame_;
  }

 private:
  [[nodiscard]] Picture shown(const char* format) const {
    freshframe_picture picture{};
    picture.size = sizeof picture;
    if (host_ == nullptr || host_->picture(host_->self, frame_, format, &picture) < 0) {
      throw std::runtime_error(std::string("the frame cannot be shown as ") +
                               (format != nullptr ? format : "it is"));
    }
    return detail::picture_of(picture);
  }
  void swap(Frame& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(frame_, other.frame_);
    std::swap(owns_, other.owns_);
  }

  const freshframe_host* host_ = nullptr;
  freshframe_frame* frame_ = nullptr;
  bool owns_ = false;
};

/// A frame in the engine's memory while it is being written.
class NewFrame {
 public:
  NewFrame(Frame frame, Picture picture) : frame_(std::move(frame)), picture_(std::move(picture)) {}

  [[nodiscard]] const Picture& picture() const noexcept { return picture_; }
  [[nodiscard]] std::uint8_t* row(int y, int plane = 0) noexcept {
    return const_cast<std::uint8_t*>(picture_.planes[static_cast<std::size_t>(plane)].row(y));
  }
  /// Ends the writing: the value to return.
  [[nodiscard]] Frame publish() && { return std::move(frame_); }

 private:
  Frame frame_;
  Picture picture_;
};

// ---- tables --------------------------------------------------------------------------------------------------

namespace detail {

template <class T>
constexpr const char* dtype_name() {
  if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "float or double");
    return sizeof(T) == 4 ? "float32" : "float64";
  } else {
    static_assert(std::is_integral_v<T> && sizeof(T) <= 8, "a column holds numbers");
    constexpr std::size_t index = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    constexpr const char* names[2][4] = {{"uint8", "uint16", "uint32", "uint64"},
                                         {"int8", "int16", "int32", "int64"}};
    return names[std::is_signed_v<T> ? 1 : 0][index];
  }
}

}  // namespace detail

/// A column of a table that the node was given.
template <class T>
class Column {
 public:
  explicit Column(const freshframe_column& column) noexcept : column_(column) {}

  [[nodiscard]] std::int64_t size() const noexcept { return column_.shape[0]; }
  [[nodiscard]] int dimensions() const noexcept { return column_.ndim; }
  [[nodiscard]] std::int64_t shape(int axis) const noexcept { return column_.shape[axis]; }
  /// One index per dimension.
  template <class... Index>
  [[nodiscard]] T operator()(Index... index) const noexcept {
    const std::int64_t at[] = {static_cast<std::int64_t>(index)...};
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < sizeof...(index); ++axis) offset += at[axis] * column_.strides[axis];
    T value;
    std::memcpy(&value, static_cast<const char*>(column_.data) + offset, sizeof value);
    return value;
  }

 private:
  freshframe_column column_;
};

/// Named columns: a view of those that the node was given, or new ones to return.
class Table {
 public:
  Table() = default;
  /// A view.
  explicit Table(const freshframe_array& columns) {
    for (std::uint64_t i = 0; i < columns.count; ++i) {
      Entry entry;
      std::memcpy(&entry.column, static_cast<const char*>(columns.data) + i * columns.element_size,
                  sizeof entry.column);
      entry.name = entry.column.name;
      entries_.push_back(std::move(entry));
    }
  }

  /// Adds a column of one dimension, or of `shape`, whose product must be the number of values. Throws
  /// std::invalid_argument.
  template <class T>
  Table& add(std::string name, std::vector<T> values, std::initializer_list<std::int64_t> shape = {}) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> has no memory to show: use std::uint8_t");
    auto kept = std::make_shared<const std::vector<T>>(std::move(values));
    Entry entry;
    entry.name = std::move(name);
    auto& column = entry.column;
    column.dtype = detail::dtype_name<T>();
    column.data = kept->empty() ? nullptr : kept->data();
    column.bytes = kept->size() * sizeof(T);
    const std::vector<std::int64_t> sizes =
        shape.size() > 0 ? std::vector<std::int64_t>(shape)
                         : std::vector<std::int64_t>{static_cast<std::int64_t>(kept->size())};
    if (sizes.size() > 4) throw std::invalid_argument("a column has at most 4 dimensions");
    column.ndim = static_cast<std::int32_t>(sizes.size());
    auto stride = static_cast<std::int64_t>(sizeof(T));
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      column.shape[axis] = sizes[axis];
      column.strides[axis] = stride;
      stride *= sizes[axis];
    }
    if (stride != static_cast<std::int64_t>(column.bytes)) {
      throw std::invalid_argument("column '" + entry.name + "' has " + std::to_string(kept->size()) +
                                  " values, which do not fill its shape");
    }
    entry.memory = std::move(kept);
    entries_.push_back(std::move(entry));
    return *this;
  }

  [[nodiscard]] bool has(const char* name) const noexcept { return find(name) != nullptr; }
  /// Throws std::out_of_range when there is none of that name, std::invalid_argument when it holds other numbers.
  template <class T>
  [[nodiscard]] Column<T> column(const char* name) const {
    const auto* const found = find(name);
    if (found == nullptr) throw std::out_of_range("the table has no column '" + std::string(name) + "'");
    if (std::strcmp(found->column.dtype, detail::dtype_name<T>()) != 0) {
      throw std::invalid_argument("column '" + std::string(name) + "' holds " + found->column.dtype +
                                  ", not " + detail::dtype_name<T>());
    }
    return Column<T>(found->column);
  }
  [[nodiscard]] std::size_t column_count() const noexcept { return entries_.size(); }

  /// For the border.
  [[nodiscard]] std::vector<freshframe_column> c_columns() const {
    std::vector<freshframe_column> columns;
    for (const auto& entry : entries_) {
      columns.push_back(entry.column);
      columns.back().name = entry.name.c_str();
    }
    return columns;
  }

 private:
  struct Entry {
    std::string name;
    freshframe_column column{};
    std::shared_ptr<const void> memory;
  };

  [[nodiscard]] const Entry* find(const char* name) const noexcept {
    for (const auto& entry : entries_) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }

  std::vector<Entry> entries_;
};

/// xyr (n, 3) float and confidence (n) float; freshframe_value lists the others.
struct Circles : Table {
  using Table::Table;
};
/// xyxy (n, 4) float, confidence (n) float and class_id (n) std::int32_t; freshframe_value lists the others.
struct Detections : Table {
  using Table::Table;
};
/// One column, whose name is empty.
struct Array : Table {
  using Table::Table;
  Array() = default;
  template <class T>
  explicit Array(std::vector<T> values, std::initializer_list<std::int64_t> shape = {}) {
    add("", std::move(values), shape);
  }
};

// ---- a node's surroundings -----------------------------------------------------------------------------------

enum class LogLevel : std::int32_t { Debug, Info, Warning, Error };

/// What the engine offers, from open() to close(). Thread-safe.
class Context {
 public:
  void attach(const freshframe_host* host) noexcept { host_ = host; }

  /// One line, to Python's logger "freshframe".
  void log(LogLevel level, const std::string& text) const {
    host_->log(host_->self, static_cast<std::int32_t>(level), text.c_str());
  }
  /// Counts samples that the node lost by itself: "device", "decode" or "error".
  void count_drops(const char* cause, std::uint64_t count = 1) const {
    host_->count_drops(host_->self, cause, count);
  }
  /// Seconds of the pipeline's clock.
  [[nodiscard]] double now() const { return static_cast<double>(host_->now_ns(host_->self)) * 1e-9; }
  /// Whatever takes long must look.
  [[nodiscard]] bool stop_requested() const { return host_->stop_requested(host_->self) != 0; }
  /// Readable in poll() once the pipeline stops.
  [[nodiscard]] int stop_fd() const { return host_->stop_fd(host_->self); }
  /// Sleeps; true, at once, when the pipeline stops.
  bool wait(double seconds) const { return host_->wait(host_->self, seconds) != 0; }

  /// A new frame of `like`'s size and format in the engine's memory. Throws std::invalid_argument.
  [[nodiscard]] NewFrame make_frame(const Picture& like) const {
    auto wanted = c_picture(like);
    freshframe_picture out{};
    out.size = sizeof out;
    auto* const made = host_->make_frame(host_->self, &wanted, &out);
    if (made == nullptr) throw std::invalid_argument("cannot make a frame of this size and format");
    return {Frame::own(host_, made), detail::picture_of(out)};
  }
  /// A frame of `picture`'s own memory, which `keep` owns and which is not changed any more. Throws std::invalid_argument.
  [[nodiscard]] Frame wrap_frame(const Picture& picture, std::shared_ptr<const void> keep) const {
    auto wanted = c_picture(picture);
    std::array<freshframe_plane, 3> planes{};
    for (std::size_t i = 0; i < planes.size(); ++i) {
      const auto& from = picture.planes[i];
      planes[i] = {from.data, from.rows, from.row_bytes, from.stride};
    }
    wanted.planes = {planes.data(), static_cast<std::uint64_t>(picture.plane_count),
                     sizeof(freshframe_plane)};
    auto owner = std::make_unique<std::shared_ptr<const void>>(std::move(keep));
    auto* const made = host_->wrap_frame(host_->self, &wanted, owner.get(), [](void* kept) {
      delete static_cast<std::shared_ptr<const void>*>(kept);
    });
    if (made == nullptr) throw std::invalid_argument("the planes do not fit the picture's size and format");
    (void)owner.release();
    return Frame::own(host_, made);
  }

  [[nodiscard]] const freshframe_host* host() const noexcept { return host_; }

 private:
  static freshframe_picture c_picture(const Picture& from) {
    return {sizeof(freshframe_picture), from.width,         from.height, from.format.c_str(),
            from.range.c_str(),         from.space.c_str(), {}};
  }

  const freshframe_host* host_ = nullptr;
};

/// Where and when a sample was born.
struct Stamp {
  std::int64_t seq = 0;          // number at its source, from 0
  double pts = 0;                // seconds in the source's own time
  std::int64_t captured_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t dropped = 0;     // samples dropped on this edge since the previous one
  int source = -1;               // index of the source node
};

/// What a node is given. Valid during the call.
template <class T>
struct Sample {
  Stamp stamp;
  const T& value;
  const Frame& frame;  // that the value was made from; may be empty
};

/// What a source gives.
template <class T>
struct Item {
  T value;
  double pts = 0;                // seconds in the source's own time
  std::int64_t captured_ns = 0;  // CLOCK_MONOTONIC; 0: now
  std::int64_t seq = -1;         // -1: the next number
};

namespace detail {

struct Attached {
  Context freshframe_context;
  bool freshframe_given = false;  // to a pipeline, by a capsule
};

}  // namespace detail

/// A step. In and Out: Frame, Circles, Detections, double, Array or Table; Out may be Nothing. Constructed from Options or by
/// default. All calls come from one thread.
template <class In, class Out>
class Node : public detail::Attached {
 public:
  using Input = In;
  using Output = Out;
  virtual ~Node() = default;
  virtual void open(Context& /*context*/) {}
  /// nullopt: nothing is emitted. What is thrown fails the sample.
  virtual std::optional<Out> process(const Sample<In>& sample, Context& context) = 0;
  /// Once after a successful open(), also after a failure.
  virtual void close() {}
};

/// A node without input. `static constexpr bool live = false` in the class: it can wait for a full edge.
template <class Out>
class Source : public detail::Attached {
 public:
  using Input = Nothing;
  using Output = Out;
  static constexpr bool live = true;
  virtual ~Source() = default;
  virtual void open(Context& /*context*/) {}
  /// The next sample; nullopt ends the stream. Waits in Context::wait(), or with Context::stop_fd().
  virtual std::optional<Item<Out>> read(Context& context) = 0;
  virtual void close() {}
};

// ---- the border ----------------------------------------------------------------------------------------------

namespace detail {

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

// Runs `call`; what it throws becomes -1 and a text.
template <class F>
std::int32_t guarded(freshframe_error* error, const F& call) noexcept {
  try {
    return call();
  } catch (const std::exception& thrown) {
    write(error, thrown.what());
  } catch (...) {
    write(error, "an exception that is no std::exception");
  }
  return -1;
}

template <class T>
T value_of(const freshframe_host* host, const freshframe_value& value) {
  if constexpr (std::is_same_v<T, Frame>)
    return Frame(host, value.frame);
  else if constexpr (std::is_same_v<T, double>)
    return (void)host, value.number;
  else
    return (void)host, T(value.columns);
}

// A table on its way to the engine.
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
      parcel->columns = parcel->table.c_columns();
      out->columns = {parcel->columns.data(), parcel->columns.size(), sizeof(freshframe_column)};
      out->owner = parcel.release();
      out->release = [](void* owner) { delete static_cast<Parcel*>(owner); };
    }
    return 1;
  }
}

// The functions of a node's table.
template <class Class>
struct Shim {
  using In = typename Class::Input;
  using Out = typename Class::Output;
  static constexpr bool kIsSource = std::is_same_v<In, Nothing>;

  static void* create(const freshframe_options* options, freshframe_error* error) noexcept {
    Class* made = nullptr;
    guarded(error, [&] {
      if constexpr (std::is_constructible_v<Class, const Options&>) {
        made = new Class(Options(options));
      } else if constexpr (std::is_default_constructible_v<Class>) {
        made = new Class();
      } else {
        throw std::logic_error("this class is made in Python only");
      }
      return 0;
    });
    return made;
  }
  static void destroy(void* self) noexcept { delete static_cast<Class*>(self); }
  static std::int32_t open(void* self, const freshframe_host* host, freshframe_error* error) noexcept {
    auto& node = *static_cast<Class*>(self);
    node.freshframe_context.attach(host);
    return guarded(error, [&] { return node.open(node.freshframe_context), 0; });
  }
  static std::int32_t process(void* self, const freshframe_sample* sample, freshframe_value* out,
                              freshframe_error* error) noexcept {
    if constexpr (!kIsSource) {
      auto& node = *static_cast<Class*>(self);
      return guarded(error, [&]() -> std::int32_t {
        const auto* const host = node.freshframe_context.host();
        const In value = value_of<In>(host, *sample->value);
        const Frame frame(host, sample->frame);
        const auto& stamp = *sample->stamp;
        const Sample<In> given{
            {stamp.seq, stamp.pts, stamp.captured_ns, stamp.dropped, stamp.source}, value, frame};
        std::optional<Out> result = node.process(given, node.freshframe_context);
        return result ? give<Out>(std::move(*result), out) : 0;
      });
    } else {
      return (void)self, (void)sample, (void)out, (void)error, -1;
    }
  }
  static std::int32_t read(void* self, freshframe_value* out, freshframe_stamp* stamp,
                           freshframe_error* error) noexcept {
    if constexpr (kIsSource) {
      auto& node = *static_cast<Class*>(self);
      return guarded(error, [&]() -> std::int32_t {
        std::optional<Item<Out>> item = node.read(node.freshframe_context);
        if (!item) return 0;
        stamp->pts = item->pts;
        stamp->captured_ns = item->captured_ns;
        stamp->seq = item->seq;
        return give<Out>(std::move(item->value), out);
      });
    } else {
      return (void)self, (void)out, (void)stamp, (void)error, -1;
    }
  }
  static std::int32_t close(void* self, freshframe_error* error) noexcept {
    return guarded(error, [&] { return static_cast<Class*>(self)->close(), 0; });
  }

  static constexpr bool is_live() {
    if constexpr (kIsSource)
      return Class::live;
    else
      return false;
  }
};

}  // namespace detail

/// The C table of a class.
template <class Class>
constexpr freshframe_node node_table(const char* name) {
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
          Shim::kIsSource ? nullptr : &Shim::process,
          Shim::kIsSource ? &Shim::read : nullptr,
          &Shim::close,
          nullptr};
}

#ifdef Py_PYTHON_H
/// For a method __freshframe_node__(self) of an extension's class, whatever binds it (include Python.h before): a new capsule
/// with `node`, which the Python object owns. Null with an exception set. An object is a node of one pipeline.
///   PyObject* capsule = freshframe::plugin::node_capsule(self, "blobs");
///   nanobind: if (capsule == nullptr) throw nb::python_error(); return nb::steal(capsule);
///   pybind11: if (capsule == nullptr) throw py::error_already_set();
///             return py::reinterpret_steal<py::object>(capsule);
template <class Class>
PyObject* node_capsule(Class& node, const char* name) {
  static const freshframe_node table = node_table<Class>(name);
  if (node.freshframe_given) {
    PyErr_SetString(PyExc_RuntimeError, "this node belongs to a pipeline already: make a second one");
    return nullptr;
  }
  auto object =
      std::make_unique<freshframe_object>(freshframe_object{sizeof(freshframe_object), &table, &node});
  PyObject* const capsule = PyCapsule_New(object.get(), FRESHFRAME_CAPSULE, [](PyObject* dying) {
    delete static_cast<freshframe_object*>(PyCapsule_GetPointer(dying, PyCapsule_GetName(dying)));
  });
  if (capsule == nullptr) return nullptr;
  (void)object.release();
  node.freshframe_given = true;
  return capsule;
}
#endif

}  // namespace v1
}  // namespace freshframe::plugin

#define FRESHFRAME_JOINED_(a, b) a##b
#define FRESHFRAME_JOINED(a, b) FRESHFRAME_JOINED_(a, b)
#define FRESHFRAME_EXPORT_NODE_(Class, symbol, name)                                            \
  extern "C" FRESHFRAME_EXPORT const freshframe_node symbol __asm__("freshframe_node_1_" name); \
  const freshframe_node symbol = freshframe::plugin::node_table<Class>(name)

/// Exports `Class` as the node `name` of this library: FRESHFRAME_NODE(Blobs, "blobs"); once per line, outside of functions.
#define FRESHFRAME_NODE(Class, name) \
  FRESHFRAME_EXPORT_NODE_(Class, FRESHFRAME_JOINED(freshframe_exported_node_, __LINE__), name)
