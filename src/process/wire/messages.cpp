// Messages as bytes.
// SPDX-License-Identifier: Apache-2.0
#include "process/wire/messages.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace freshframe::process {
namespace {

constexpr int kMostSide = 1 << 16;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;  // the addresses of one process
constexpr std::size_t kMostForms = kPixelFormats;

template <class Kind>
ByteWriter begin(Kind kind) {
  ByteWriter writer;
  writer.put(kind);
  return writer;
}

void put(ByteWriter& writer, const PictureFormat& format) {
  writer.put(format.format);
  writer.put(format.range);
  writer.put(format.space);
  writer.put(format.width);
  writer.put(format.height);
}

int side(ByteReader& reader, const char* what) {
  const int value = reader.get_up_to<int>(kMostSide, what);
  if (value < 1) throw ProtocolError(std::string(what) + " is " + std::to_string(value));
  return value;
}

PictureFormat get_format(ByteReader& reader) {
  PictureFormat format;
  format.format = reader.get_enum(PixelFormat::Rgb, "a pixel format");
  format.range = reader.get_enum(ColorRange::Full, "a color range");
  format.space = reader.get_enum(ColorSpace::Bt2020, "a color space");
  format.width = side(reader, "a picture's width");
  format.height = side(reader, "a picture's height");
  return format;
}

void put(ByteWriter& writer, const PictureMessage& picture) {
  put(writer, picture.format);
  for (const auto& plane : picture.planes) {
    writer.put(plane.slab);
    writer.put(plane.offset);
    writer.put(plane.stride);
  }
}

PictureMessage get_picture(ByteReader& reader) {
  PictureMessage picture;
  picture.format = get_format(reader);
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    PlanePlace place;
    place.slab = reader.get<std::uint32_t>();
    place.offset = reader.get_up_to<std::uint64_t>(kMostBytes, "a plane's offset");
    place.stride = reader.get<std::int64_t>();
    (void)plane_extent(picture.format.plane_shape(i), place.stride);
    picture.planes.push_back(place);
  }
  return picture;
}

void put(ByteWriter& writer, const Stamp& stamp) {
  writer.put(stamp.seq);
  writer.put(stamp.pts);
  writer.put(stamp.captured.time_since_epoch().count());
  writer.put(stamp.source);
  writer.put(static_cast<std::uint8_t>(stamp.damaged ? 1 : 0));
  writer.put(stamp.part);
  writer.put(static_cast<std::uint8_t>(stamp.path ? 1 : 0));
  if (stamp.path) writer.put_text(*stamp.path);
  writer.put(stamp.utc.from);
  if (stamp.utc.from == UtcFrom::None) return;
  writer.put(stamp.utc.seconds);
  writer.put(stamp.utc.error);
}

Stamp get_stamp(ByteReader& reader) {
  Stamp stamp;
  stamp.seq = reader.get<std::int64_t>();
  stamp.pts = reader.get<double>();
  stamp.captured = TimePoint(TimePoint::duration(reader.get<TimePoint::rep>()));
  stamp.source = reader.get<int>();
  stamp.damaged = reader.get_flag("a flag");
  stamp.part = reader.get<int>();
  if (reader.get_flag("a flag")) stamp.path = std::make_shared<const std::string>(reader.get_text());
  stamp.utc.from = reader.get_enum(UtcFrom::Camera, "the clock of a wall time");
  if (stamp.utc.from == UtcFrom::None) return stamp;
  stamp.utc.seconds = reader.get<double>();
  stamp.utc.error = reader.get<float>();
  return stamp;
}

void put(ByteWriter& writer, const ValueMessage& value) {
  writer.put(value.kind);
  if (value.kind == kNoValue) return;
  writer.put(static_cast<std::uint32_t>(value.parts.size()));
  for (const auto size : value.parts) writer.put(size);
  writer.put(static_cast<std::uint8_t>(value.shared ? 1 : 0));
  if (value.shared) {
    writer.put(value.slab);
    writer.put(value.offset);
  } else {
    writer.put_bytes(value.bytes);
  }
}

ValueMessage get_value(ByteReader& reader) {
  ValueMessage value;
  value.kind = reader.get<std::uint8_t>();
  if (value.kind == kNoValue) return value;
  const auto count = reader.get_up_to<std::uint32_t>(kMostParts, "a value's number of parts");
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    value.parts.push_back(reader.get_up_to<std::uint64_t>(kMostBytes, "the size of a value's part"));
    total += value.parts.back();  // at most 1000 * 2^46: no overflow
  }
  value.shared = reader.get_flag("a flag");
  if (value.shared) {
    value.slab = reader.get<std::uint32_t>();
    value.offset = reader.get_up_to<std::uint64_t>(kMostBytes, "a value's offset");
  } else {
    if (total > kMostInline) throw ProtocolError("a value is too large for its message");
    value.bytes = reader.take(static_cast<std::size_t>(total));
  }
  return value;
}

void put_numbers(ByteWriter& writer, const std::vector<std::uint64_t>& numbers) {
  writer.put(static_cast<std::uint32_t>(numbers.size()));
  for (const auto number : numbers) writer.put(number);
}

std::vector<std::uint64_t> get_numbers(ByteReader& reader) {
  std::vector<std::uint64_t> numbers(reader.get_up_to<std::uint32_t>(kMostReleased, "the number of leases"));
  for (auto& number : numbers) number = reader.get<std::uint64_t>();
  return numbers;
}

template <class Message>
Message ended(ByteReader& reader, Message message) {
  reader.expect_end();
  return message;
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
                        " bytes has a stride of " + std::to_string(stride));
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

// ---- to a worker

ByteWriter write(const InitMessage& message) {
  auto writer = begin(ToWorker::Init);
  writer.put(message.bytes);
  writer.put_text(message.node);
  return writer;
}

ByteWriter write(const SlabMessage& message) {
  auto writer = begin(ToWorker::Slab);
  writer.put(message.id);
  writer.put(message.bytes);
  return writer;
}

ByteWriter write(const NodeMessage& message) {
  auto writer = begin(ToWorker::Node);
  writer.put(message.number);
  writer.put_text(message.name);
  writer.put_text(message.stream);
  return writer;
}

ByteWriter write(const SourceGoneMessage& message) {
  auto writer = begin(ToWorker::SourceGone);
  writer.put(static_cast<std::uint32_t>(message.names.size()));
  for (const auto& name : message.names) writer.put_text(name);
  return writer;
}

ByteWriter write(const SlabGoneMessage& message) {
  auto writer = begin(ToWorker::SlabGone);
  writer.put(message.id);
  return writer;
}

ByteWriter write(const RequestMessage& message) {
  auto writer = begin(ToWorker::Request);
  writer.put(message.id);
  writer.put(message.call);
  writer.put(message.lease);
  put(writer, message.stamp);
  writer.put(message.node);
  writer.put(message.dropped);
  writer.put(static_cast<std::uint8_t>(message.forms.size()));
  for (const auto& form : message.forms) put(writer, form);
  writer.put(message.more);
  put(writer, message.value);
  return writer;
}

ByteWriter write(const MemoryMessage& message) {
  auto writer = begin(ToWorker::Memory);
  writer.put(message.bytes);
  writer.put_text(message.why);
  return writer;
}

ToWorker read_to_worker(ByteReader& reader) {
  const auto kind = reader.get<std::uint8_t>();
  if (kind < 1 || kind > static_cast<std::uint8_t>(ToWorker::SourceGone)) {
    throw ProtocolError("there is no message of kind " + std::to_string(kind));
  }
  return static_cast<ToWorker>(kind);
}

InitMessage read_init(ByteReader& reader) {
  InitMessage message;
  message.bytes = reader.get_up_to<std::uint64_t>(kMostBytes, "the size of a file");
  message.node = reader.get_text();
  return ended(reader, std::move(message));
}

NodeMessage read_node(ByteReader& reader) {
  NodeMessage message;
  message.number = static_cast<int>(reader.get_up_to<std::uint32_t>(kMostNodes, "the number of a node"));
  message.name = reader.get_text();
  message.stream = reader.get_text();
  return ended(reader, std::move(message));
}

SourceGoneMessage read_source_gone(ByteReader& reader) {
  SourceGoneMessage message;
  const auto count = reader.get_up_to<std::uint32_t>(kMostSourcesGone, "the number of sources");
  for (std::uint32_t i = 0; i < count; ++i) message.names.push_back(reader.get_text());
  return ended(reader, std::move(message));
}

SlabMessage read_slab(ByteReader& reader) {
  SlabMessage message;
  message.id = reader.get<std::uint32_t>();
  message.bytes = reader.get_up_to<std::uint64_t>(kMostBytes, "the size of a slab");
  return ended(reader, message);
}

SlabGoneMessage read_slab_gone(ByteReader& reader) {
  return ended(reader, SlabGoneMessage{reader.get<std::uint32_t>()});
}

RequestMessage read_request(ByteReader& reader) {
  RequestMessage message;
  message.id = reader.get<std::uint64_t>();
  message.call = reader.get_enum(Call::Finish, "the method of a call");
  message.lease = reader.get<std::uint64_t>();
  message.stamp = get_stamp(reader);
  message.node = reader.get<int>();
  message.dropped = reader.get<std::uint64_t>();
  const auto forms = reader.get_up_to<std::uint8_t>(kMostForms, "the number of a picture's formats");
  for (std::uint8_t i = 0; i < forms; ++i) message.forms.push_back(get_picture(reader));
  if ((message.lease == 0) != message.forms.empty())
    throw ProtocolError("a picture without a lease, or one without a picture");
  message.more = reader.get<std::uint32_t>();
  message.value = get_value(reader);
  return ended(reader, std::move(message));
}

MemoryMessage read_memory(ByteReader& reader) {
  MemoryMessage message;
  message.bytes = reader.get_up_to<std::uint64_t>(kMostBytes, "the size of a file");
  message.why = reader.get_text();
  return ended(reader, std::move(message));
}

// ---- to the parent

ByteWriter write(const HelloMessage& message) {
  auto writer = begin(ToParent::Hello);
  writer.put_text(message.version);
  return writer;
}

ByteWriter write(const NeedMessage& message) {
  auto writer = begin(ToParent::Need);
  writer.put(message.bytes);
  return writer;
}

ByteWriter write(const ReplyMessage& message) {
  auto writer = begin(ToParent::Reply);
  writer.put(message.id);
  writer.put(message.more);
  writer.put(static_cast<std::uint8_t>(message.like ? 1 : 0));
  if (message.like) put(writer, *message.like);
  put_numbers(writer, message.released);
  writer.put(message.kind);
  switch (message.kind) {
    case ResultKind::Nothing:
      break;
    case ResultKind::Input:
      writer.put(message.form);
      break;
    case ResultKind::Picture:
      put(writer, message.picture);
      writer.put(message.offset);
      break;
    case ResultKind::Value:
      put(writer, message.value);
      break;
  }
  return writer;
}

ByteWriter write(const FailedMessage& message) {
  auto writer = begin(ToParent::Failed);
  writer.put(message.id);
  writer.put(static_cast<std::uint8_t>(message.whole ? 1 : 0));
  put_numbers(writer, message.released);
  writer.put_text(std::string_view(message.text).substr(0, kMostText));
  writer.put_text(std::string_view(message.traceback).substr(0, kMostText));
  put(writer, message.error);
  return writer;
}

ByteWriter write(const ReleasedMessage& message) {
  auto writer = begin(ToParent::Released);
  put_numbers(writer, message.leases);
  return writer;
}

ByteWriter write(const LogMessage& message) {
  auto writer = begin(ToParent::Log);
  writer.put(message.level);
  writer.put_text(message.logger);
  writer.put_text(message.text);
  return writer;
}

ByteWriter write_opened() {
  return begin(ToParent::Opened);
}

ByteWriter write_closed() {
  return begin(ToParent::Closed);
}

ToParent read_to_parent(ByteReader& reader) {
  const auto kind = reader.get<std::uint8_t>();
  if (kind < 1 || kind > static_cast<std::uint8_t>(ToParent::Closed)) {
    throw ProtocolError("there is no message of kind " + std::to_string(kind));
  }
  return static_cast<ToParent>(kind);
}

HelloMessage read_hello(ByteReader& reader) {
  return ended(reader, HelloMessage{reader.get_text()});
}

NeedMessage read_need(ByteReader& reader) {
  return ended(reader, NeedMessage{reader.get_up_to<std::uint64_t>(kMostBytes, "the size of a result")});
}

ReplyMessage read_reply(ByteReader& reader) {
  ReplyMessage message;
  message.id = reader.get<std::uint64_t>();
  message.more = reader.get_up_to<std::uint32_t>(kMostResultsOfCall - 1, "the number of results");
  if (reader.get_flag("a flag")) message.like = get_stamp(reader);
  message.released = get_numbers(reader);
  message.kind = reader.get_enum(ResultKind::Value, "the kind of a result");
  switch (message.kind) {
    case ResultKind::Nothing:
      break;
    case ResultKind::Input:
      message.form = reader.get_enum(PixelFormat::Rgb, "a pixel format");
      break;
    case ResultKind::Picture:
      message.picture = get_format(reader);
      message.offset = reader.get_up_to<std::uint64_t>(kMostBytes, "a picture's offset");
      break;
    case ResultKind::Value:
      message.value = get_value(reader);
      if (message.value.kind == kNoValue) throw ProtocolError("a result without a value");
      break;
  }
  return ended(reader, std::move(message));
}

FailedMessage read_failed(ByteReader& reader) {
  FailedMessage message;
  message.id = reader.get<std::uint64_t>();
  message.whole = reader.get_up_to<std::uint8_t>(1, "a flag") == 1;
  message.released = get_numbers(reader);
  message.text = reader.get_text();
  message.traceback = reader.get_text();
  message.error = get_value(reader);
  return ended(reader, std::move(message));
}

ReleasedMessage read_released(ByteReader& reader) {
  return ended(reader, ReleasedMessage{get_numbers(reader)});
}

LogMessage read_log(ByteReader& reader) {
  LogMessage message;
  message.level = reader.get<std::int32_t>();
  message.logger = reader.get_text();
  message.text = reader.get_text();
  return ended(reader, std::move(message));
}

}  // namespace freshframe::process
