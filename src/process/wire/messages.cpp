// Serialization of messages. Note [Fields of messages].
// SPDX-License-Identifier: Apache-2.0
#include "process/wire/messages.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/utf8.hpp"

namespace freshframe::process {
namespace {

constexpr int kMostSide = 1 << 16;

template <class T, class Io>
concept NamesItsFields = requires(T& value, Io& io) { T::fields(io, value); };

/// Writes fields. Note [Fields of messages].
class Writing {
 public:
  static constexpr bool kReads = false;
  template <class T>
  using Of = const T;

  explicit Writing(ByteWriter& writer) : writer_(writer) {}

  void number(const auto& value) { writer_.put(value); }
  void number(const auto& value, const auto& /*most*/) { writer_.put(value); }
  void choice(const auto& value, auto /*last*/, const char* /*what*/) { writer_.put(value); }
  void flag(bool value) { writer_.put(static_cast<std::uint8_t>(value ? 1 : 0)); }
  /// Writes at most the first `most` bytes of the string.
  void text(std::string_view value, std::size_t most = std::string_view::npos) {
    writer_.put_text(core::first_letters(value, most));
  }
  void path(std::string_view value) { writer_.put_text(value); }
  void bytes(std::span<const std::byte> value, std::uint64_t /*size*/) { writer_.put_bytes(value); }
  template <class Count>
  void list(const auto& items, Most<Count> /*most*/, auto each) {
    writer_.put(static_cast<Count>(items.size()));
    for (const auto& item : items) each(item);
  }
  template <class T>
  void part(const T& value) {
    if constexpr (NamesItsFields<const T, Writing>) {
      T::fields(*this, value);
    } else {
      visit_fields(*this, value);
    }
  }
  void check(bool /*holds*/, const char* /*text*/) {}

 private:
  ByteWriter& writer_;
};

/// Reads fields and checks them.
class Reading {
 public:
  static constexpr bool kReads = true;
  template <class T>
  using Of = T;

  explicit Reading(ByteReader& reader) : reader_(reader) {}

  template <class T>
  void number(T& value) {
    value = reader_.get<T>();
  }
  template <class T>
  void number(T& value, Most<T> most) {
    value = reader_.get_up_to<T>(most.most, most.what);
  }
  template <class E>
  void choice(E& value, E last, const char* what) {
    value = reader_.get_enum(last, what);
  }
  void flag(bool& value) { value = reader_.get_flag("a flag"); }
  void text(std::string& value, std::size_t /*of the writer*/ = std::string_view::npos) {
    value = core::to_utf8(reader_.get_text());
  }
  /// Reads a file name, which may contain any bytes.
  void path(std::string& value) { value = reader_.get_text(); }
  void bytes(std::span<const std::byte>& value, std::uint64_t size) {
    if (size > kMostInline) throw ProtocolError("a value is too large for its message");
    value = reader_.take(static_cast<std::size_t>(size));
  }
  template <class Count>
  void list(auto& items, Most<Count> most, auto each) {
    const auto count = reader_.get_up_to<Count>(most.most, most.what);
    for (Count i = 0; i < count; ++i) each(items.emplace_back());
  }
  template <class T>
  void part(T& value) {
    if constexpr (NamesItsFields<T, Reading>) {
      T::fields(*this, value);
    } else {
      visit_fields(*this, value);
    }
  }
  void check(bool holds, const char* text) {
    if (!holds) throw ProtocolError(text);
  }

 private:
  ByteReader& reader_;
};

template <class Io>
void side(Io& io, typename Io::template Of<int>& value, const char* what) {
  io.number(value, Most<int>{kMostSide, what});
  if (Io::kReads && value == 0) throw ProtocolError(std::string(what) + " must be at least 1, got 0");
}

template <class Io>
void visit_fields(Io& io, typename Io::template Of<PictureFormat>& format) {
  io.choice(format.format, PixelFormat::Rgb, "a pixel format");
  io.choice(format.range, ColorRange::Full, "a color range");
  io.choice(format.space, ColorSpace::Bt2020, "a color space");
  side(io, format.width, "a picture's width");
  side(io, format.height, "a picture's height");
}

template <class Io>
void visit_fields(Io& io, typename Io::template Of<PictureMessage>& picture) {
  io.part(picture.format);
  if constexpr (Io::kReads) picture.planes.resize(static_cast<std::size_t>(picture.format.plane_count()));
  for (auto& plane : picture.planes) io.part(plane);
  if constexpr (Io::kReads) {
    for (int i = 0; const auto& plane : picture.planes)
      (void)plane_extent(picture.format.plane_shape(i++), plane.stride);
  }
}

template <class Io>
void visit_fields(Io& io, typename Io::template Of<Stamp>& stamp) {
  io.number(stamp.seq);
  io.number(stamp.pts);
  typename Io::template Of<TimePoint::rep> captured = stamp.captured.time_since_epoch().count();
  io.number(captured);
  io.number(stamp.source);
  io.flag(stamp.damaged);
  io.number(stamp.part);
  io.number(stamp.pace);
  if constexpr (Io::kReads) stamp.captured = TimePoint(TimePoint::duration(captured));
  typename Io::template Of<bool> has_path = stamp.path != nullptr;
  io.flag(has_path);
  if constexpr (Io::kReads) {
    if (has_path) {
      std::string path;
      io.path(path);
      stamp.path = std::make_shared<const std::string>(std::move(path));
    }
  } else if (has_path) {
    io.path(*stamp.path);
  }
  io.choice(stamp.utc.from, UtcFrom::Browser, "the clock of a wall time");
  if (stamp.utc.from == UtcFrom::None) return;
  io.number(stamp.utc.seconds);
  io.number(stamp.utc.error);
}

template <class Io>
void visit_fields(Io& io, typename Io::template Of<std::optional<Stamp>>& stamp) {
  typename Io::template Of<bool> is_there = stamp.has_value();
  io.flag(is_there);
  if constexpr (Io::kReads) {
    if (is_there) stamp.emplace();
  }
  if (is_there) io.part(*stamp);
}

template <class Kind>
Kind read_kind(ByteReader& reader, Kind last) {
  const auto kind = reader.get<std::uint8_t>();
  if (kind < 1 || kind > static_cast<std::uint8_t>(last)) {
    throw ProtocolError("unknown message kind " + std::to_string(kind));
  }
  return static_cast<Kind>(kind);
}

}  // namespace

std::uint64_t ValueMessage::size() const noexcept {
  std::uint64_t total = 0;
  for (const auto part : parts) total += part;
  return total;
}

std::uint64_t plane_extent(const Plane& shape, std::int64_t stride) {
  if (stride < shape.row_bytes || stride > (std::int64_t{1} << 32)) {
    throw ProtocolError("a plane with rows of " + std::to_string(shape.row_bytes) +
                        " bytes must have a stride of at least that and at most 4 GiB, got " +
                        std::to_string(stride));
  }
  return static_cast<std::uint64_t>(shape.rows - 1) * static_cast<std::uint64_t>(stride) +
         static_cast<std::uint64_t>(shape.row_bytes);
}

void check_within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size, const char* what) {
  if (bytes > size || offset > size - bytes) {
    throw ProtocolError(std::string(what) + " lies outside its memory: " + std::to_string(bytes) +
                        " bytes at " + std::to_string(offset) + " of " + std::to_string(size));
  }
}

ToWorker read_to_worker(ByteReader& reader) {
  return read_kind(reader, ToWorker::SourceGone);
}

ToParent read_to_parent(ByteReader& reader) {
  return read_kind(reader, ToParent::Closed);
}

template <SentMessage Message>
ByteWriter write(const Message& message) {
  ByteWriter writer;
  writer.put(Message::kKind);
  Writing io(writer);
  Message::fields(io, message);
  return writer;
}

template <SentMessage Message>
Message read(ByteReader& reader) {
  Message message;
  Reading io(reader);
  Message::fields(io, message);
  reader.expect_end();
  return message;
}

template ByteWriter write(const InitMessage&);
template ByteWriter write(const NodeMessage&);
template ByteWriter write(const SourceGoneMessage&);
template ByteWriter write(const SlabMessage&);
template ByteWriter write(const SlabGoneMessage&);
template ByteWriter write(const RequestMessage&);
template ByteWriter write(const MemoryMessage&);
template ByteWriter write(const HelloMessage&);
template ByteWriter write(const OpenedMessage&);
template ByteWriter write(const ClosedMessage&);
template ByteWriter write(const NeedMessage&);
template ByteWriter write(const ReplyMessage&);
template ByteWriter write(const FailedMessage&);
template ByteWriter write(const ReleasedMessage&);
template ByteWriter write(const LogMessage&);
template InitMessage read(ByteReader&);
template NodeMessage read(ByteReader&);
template SourceGoneMessage read(ByteReader&);
template SlabMessage read(ByteReader&);
template SlabGoneMessage read(ByteReader&);
template RequestMessage read(ByteReader&);
template MemoryMessage read(ByteReader&);
template HelloMessage read(ByteReader&);
template OpenedMessage read(ByteReader&);
template ClosedMessage read(ByteReader&);
template NeedMessage read(ByteReader&);
template ReplyMessage read(ByteReader&);
template FailedMessage read(ByteReader&);
template ReleasedMessage read(ByteReader&);
template LogMessage read(ByteReader&);

}  // namespace freshframe::process
