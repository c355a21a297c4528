// The worker's side: receives samples, replies, and reports which images it has released.
// SPDX-License-Identifier: Apache-2.0
#include "process/worker/worker_end.hpp"

#include "freshframe/error.hpp"
#include "freshframe/mutex.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "core/frame/picture_memory.hpp"
#include "core/utf8.hpp"

namespace freshframe::process {

// The images released by this process. Shared with the frames, which may outlive everything else.
class WorkerEnd::Leases {
 public:
  explicit Leases(Descriptor socket) : channel_(std::move(socket), true) {}

  /// Reported with the next reply, or immediately if there is no request, because an idle camera would not
  /// cause one.
  void drop(std::uint64_t lease) noexcept {
    const Lock lock(mutex_);
    try {
      dropped_.push_back(lease);
    } catch (const std::exception&) {  // out of memory: the parent keeps the image until this process ends
      return;
    }
    if (!at_work_) tell_locked();
  }
  void begin_work() {
    const Lock lock(mutex_);
    at_work_ = true;
  }
  void end_work() {
    const Lock lock(mutex_);
    at_work_ = false;
    if (!dropped_.empty()) tell_locked();  // leases that did not fit in the message, or were released since
  }
  /// The released images that fit in a reply.
  std::vector<std::uint64_t> take_released() {
    const Lock lock(mutex_);
    return take_locked();
  }
  [[nodiscard]] Channel& channel() noexcept { return channel_; }

 private:
  std::vector<std::uint64_t> take_locked() FRESHFRAME_REQUIRES(mutex_) {
    const auto count = std::min(dropped_.size(), kMostReleased);
    std::vector<std::uint64_t> taken(dropped_.begin(), dropped_.begin() + static_cast<std::ptrdiff_t>(count));
    dropped_.erase(dropped_.begin(), dropped_.begin() + static_cast<std::ptrdiff_t>(count));
    return taken;
  }
  // Sends the released leases now. If the socket is full, they are sent with the next reply.
  void tell_locked() noexcept FRESHFRAME_REQUIRES(mutex_) {
    try {
      auto leases = take_locked();
      const auto sent = channel_.send(write(ReleasedMessage{leases}).bytes());
      if (sent == Channel::Sent::Full) dropped_.insert(dropped_.begin(), leases.begin(), leases.end());
    } catch (const std::exception&) {  // see drop()
    }
  }

  Channel channel_;  // any thread may send, because each message is a single system call
  Mutex mutex_;
  std::vector<std::uint64_t> dropped_ FRESHFRAME_GUARDED_BY(mutex_);
  bool at_work_ FRESHFRAME_GUARDED_BY(mutex_) = false;
};

WorkerEnd::WorkerEnd(Descriptor socket, int parent, const PixelOps& ops) : ops_(ops) {
  const int number = socket.get();
  leases_ = std::make_shared<Leases>(std::move(socket));
  if (parent != 0) guard_.emplace(number, parent);
}

WorkerEnd::~WorkerEnd() = default;

void WorkerEnd::send(const ByteWriter& message) {
  const auto sent = leases_->channel().send(message.bytes(), {}, Channel::Wait::Yes);
  if (sent != Channel::Sent::Yes) throw_parent_ended();
}

void WorkerEnd::throw_parent_ended() {
  parent_ended_ = true;
  throw Error("the parent process has ended");
}

void WorkerEnd::hello(const std::string& version) {
  send(write(HelloMessage{version}));
}

void WorkerEnd::report_open() {
  send(write(OpenedMessage{}));
}

void WorkerEnd::report_closed() {
  send(write(ClosedMessage{}));
}

WorkerInit WorkerEnd::init() {
  auto& channel = leases_->channel();
  auto received = Channel::Received::Nothing;
  while (received == Channel::Received::Nothing) received = channel.receive(Channel::Wait::Yes);
  if (received == Channel::Received::End) throw_parent_ended();
  ByteReader reader(channel.bytes());
  if (read_to_worker(reader) != ToWorker::Init) throw ProtocolError("the first message must be Init");
  auto message = read<InitMessage>(reader);
  auto& files = channel.descriptors();
  if (files.size() != 2)
    throw ProtocolError("the first message must have 2 files, got " + std::to_string(files.size()));
  if (file_size(files[0].get()) != message.bytes)
    throw ProtocolError("the first file does not have the announced size");
  WorkerInit init;
  init.payload.resize(static_cast<std::size_t>(message.bytes));
  if (!read_file(files[0].get(), init.payload)) throw ProtocolError("the first file cannot be read");
  init.stacks = std::move(files[1]);
  init.node = std::move(message.node);
  return init;
}

bool WorkerEnd::receive(WorkerRequest& request) {
  bool got = false;
  while (!got && !ended_) {
    if (!gone_.empty()) {
      request.gone = std::exchange(gone_, {});
      return true;
    }
    auto& channel = leases_->channel();
    const auto received = channel.receive(Channel::Wait::Yes);
    if (received == Channel::Received::Nothing) return false;
    if (received == Channel::Received::End) {
      ended_ = true;
      return false;
    }
    handle(&request, got);
  }
  return got;
}

void WorkerEnd::handle(WorkerRequest* request, bool& got) {
  ByteReader reader(leases_->channel().bytes());
  switch (read_to_worker(reader)) {
    case ToWorker::Slab:
      map_slab(read<SlabMessage>(reader));
      return;
    case ToWorker::SlabGone:
      if (slabs_.erase(read<SlabGoneMessage>(reader).id) == 0)
        throw ProtocolError("an unknown slab was removed");
      return;
    case ToWorker::Memory:
      take_memory(read<MemoryMessage>(reader));
      return;
    case ToWorker::Node:
      new_nodes_.push_back(read<NodeMessage>(reader));
      return;
    case ToWorker::SourceGone: {
      auto message = read<SourceGoneMessage>(reader);
      std::ranges::move(message.sources, std::back_inserter(gone_));
      return;
    }
    case ToWorker::Init:
      throw ProtocolError("got a second Init message");
    case ToWorker::Request:
      break;
  }
  if (request == nullptr) throw ProtocolError("a sample arrived before the answer to the previous one");
  const auto message = read<RequestMessage>(reader);
  request->value = view_value(message.value);
  leases_->begin_work();
  // The parent sends a new sample only after it has read all results.
  if (pending_.empty()) results_unread_ = false;
  auto& pending = pending_.emplace_back();
  pending.id = message.id;
  pending.input = wrap_frame(message);
  for (const auto& form : message.forms) pending.sent.push_back(form.format.format);
  request->id = message.id;
  request->call = message.call;
  request->more = message.more;
  request->arrivals = message.arrivals;
  request->sample = AnySample{message.stamp, pending.input, {}, message.dropped, message.node};
  got = true;
}

// The descriptor is closed immediately, because the mapping keeps the memory.
void WorkerEnd::map_slab(const SlabMessage& message) {
  auto& files = leases_->channel().descriptors();
  if (files.size() != 1) throw ProtocolError("a slab must have 1 file, got " + std::to_string(files.size()));
  if (file_size(files[0].get()) != message.bytes || message.bytes == 0) {
    throw ProtocolError("the size of a slab differs from that of its file");
  }
  auto mapping = std::make_shared<const Mapping>(files[0].get(), static_cast<std::size_t>(message.bytes),
                                                 Mapping::Access::ReadOnly);
  if (!slabs_.emplace(message.id, std::move(mapping)).second)
    throw ProtocolError("slab " + std::to_string(message.id) + " was sent twice");
}

void WorkerEnd::take_memory(const MemoryMessage& message) {
  refused_ = message.why;
  answered_ = true;
  if (message.bytes == 0) return;
  auto& files = leases_->channel().descriptors();
  if (files.size() != 1 || file_size(files[0].get()) != message.bytes) {
    throw ProtocolError("the file with memory for results is missing or has another size");
  }
  results_ = Mapping(files[0].get(), static_cast<std::size_t>(message.bytes), Mapping::Access::ReadWrite);
}

Picture WorkerEnd::view_picture(const PictureMessage& message) const {
  Picture picture{message.format, {}};
  for (std::size_t i = 0; i < message.planes.size(); ++i) {
    const auto& place = message.planes[i];
    const auto found = slabs_.find(place.slab);
    if (found == slabs_.end()) throw ProtocolError("a frame refers to an unknown slab");
    auto shape = message.format.plane_shape(static_cast<int>(i));
    check_within(place.offset, plane_extent(shape, place.stride), found->second->size(), "a plane");
    shape.data = reinterpret_cast<const std::uint8_t*>(found->second->data() + place.offset);
    shape.stride = static_cast<std::ptrdiff_t>(place.stride);
    picture.planes[i] = shape;
  }
  return picture;
}

// The frame keeps its slabs mapped and reports when it is released.
Frame WorkerEnd::wrap_frame(const RequestMessage& message) {
  if (message.forms.empty()) return {};
  std::vector<Picture> forms;
  std::vector<std::shared_ptr<const Mapping>> mappings;
  std::size_t bytes = 0;
  for (const auto& form : message.forms) {
    forms.push_back(view_picture(form));
    Picture layout{form.format, {}};
    bytes += core::lay_out(layout, nullptr);
    for (const auto& plane : form.planes) mappings.push_back(slabs_.at(plane.slab));
  }
  auto release = [leases = leases_, lease = message.lease, mappings = std::move(mappings)]() mutable {
    mappings.clear();
    leases->drop(lease);
  };
  auto frame = Frame::wrap(forms, bytes, std::move(release), ops_);
  if (message.stamp.damaged) frame.mark_damaged();
  return frame;
}

ReceivedValue WorkerEnd::view_value(const ValueMessage& message) const {
  if (!message.shared) return {message, kMostInline};
  const auto found = slabs_.find(message.slab);
  if (found == slabs_.end()) throw ProtocolError("a value refers to an unknown slab");
  check_within(message.offset, message.size(), found->second->size(), "a value");
  ReceivedValue value(message, found->second->size());
  if (!value.bytes().empty()) {
    std::memcpy(value.bytes().data(), found->second->data() + message.offset, value.bytes().size());
  }
  return value;
}

void WorkerEnd::need(std::uint64_t bytes) {
  const bool unread = std::exchange(results_unread_, true);
  if (results_.size() >= bytes && !unread) return;
  refused_.clear();
  answered_ = false;
  send(write(NeedMessage{bytes, results_.size()}));
  auto& channel = leases_->channel();
  while (!answered_) {
    const auto received = channel.receive(Channel::Wait::Yes);
    if (received == Channel::Received::End) throw_parent_ended();
    bool got = false;
    if (received == Channel::Received::Message) handle(nullptr, got);
  }
  if (!refused_.empty()) throw Error(refused_);
  if (results_.size() < bytes) throw ProtocolError("got less memory for results than requested");
}

WorkerEnd::Pending& WorkerEnd::first_pending() {
  if (pending_.empty()) throw Error("cannot answer a sample that does not exist or was already answered");
  return pending_.front();
}

// After the last reply the parent treats the image as lent to the worker, so leases are returned with it.
std::vector<std::uint64_t> WorkerEnd::end_request() {
  pending_.pop_front();
  return pending_.empty() ? leases_->take_released() : std::vector<std::uint64_t>();
}

ReplyMessage WorkerEnd::describe(const WorkerResult& result, std::uint64_t& end) {
  constexpr std::uint64_t kAlignment = 64;
  ReplyMessage message;
  message.like = result.like;
  std::uint64_t bytes = 0;
  if (result.value.kind != kNoValue) {
    message.kind = ResultKind::Value;
    message.value = {.kind = result.value.kind, .parts = result.value.sizes()};
    message.value.shared = result.value.size() > kMostInline;
    message.value.offset = end;
    if (message.value.shared) bytes = result.value.size();
  } else {
    const auto& [id, input, sent] = first_pending();
    const bool is_input = input && result.frame.shares(input);
    if (is_input && std::find(sent.begin(), sent.end(), result.frame.format()) != sent.end()) {
      message.kind = ResultKind::Input;
      message.form = result.frame.format();
    } else {
      message.kind = ResultKind::Picture;
      message.picture = result.frame.picture_format();
      message.offset = end;
      MutablePicture copy(message.picture);
      bytes = core::lay_out(copy, nullptr);
    }
  }
  end += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return message;
}

void WorkerEnd::put_shared(const ReplyMessage& message, const WorkerResult& result) {
  if (message.kind == ResultKind::Value) {
    if (message.value.shared) result.value.copy_to(results_.data() + message.value.offset);
    return;
  }
  if (message.kind != ResultKind::Picture) return;
  MutablePicture copy(message.picture);
  core::lay_out(copy, reinterpret_cast<std::uint8_t*>(results_.data() + message.offset));
  if (!basic_pixel_ops().convert(result.frame.picture(), copy)) throw Error("cannot copy a frame");
}

void WorkerEnd::reply_all(std::span<const WorkerResult> results) {
  const auto id = first_pending().id;
  if (results.size() > kMostResultsOfCall) {
    throw Error("returned " + std::to_string(results.size()) +
                " results from one call, but a worker process may return at most " +
                std::to_string(kMostResultsOfCall));
  }
  std::vector<ReplyMessage> messages;
  std::uint64_t shared = 0;
  for (const auto& result : results) messages.push_back(describe(result, shared));
  if (messages.empty()) messages.emplace_back();
  if (shared > 0) {
    first_pending().input = {};
    need(shared);
    for (std::size_t i = 0; i < results.size(); ++i) put_shared(messages[i], results[i]);
  }
  std::vector<std::byte> joined;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    auto& message = messages[i];
    message.id = id;
    message.more = static_cast<std::uint32_t>(messages.size() - i - 1);
    if (message.kind == ResultKind::Value && !message.value.shared) {
      joined.resize(results[i].value.size());
      results[i].value.copy_to(joined.data());
      message.value.bytes = joined;
    }
    if (message.more == 0) message.released = end_request();
    send(write(message));
  }
  if (pending_.empty()) leases_->end_work();
}

void WorkerEnd::fail(Failed what, const Raised& raised) {
  const bool in_call = what != Failed::Outside && !pending_.empty();
  FailedMessage message{.id = in_call ? pending_.front().id : 0,
                        .text = raised.text,
                        .traceback = raised.traceback,
                        .error = {},
                        .released = {},
                        .whole = in_call && what == Failed::Call,
                        .is_device_error = raised.is_device_error};
  if (message.whole) pending_.resize(1);
  const auto& error = raised.error;
  std::vector<std::byte> joined(error.size() <= kMostInline ? error.size() : 0);
  if (error.kind != kNoValue && error.size() <= kMostInline) {
    error.copy_to(joined.data());
    message.error = {.kind = error.kind, .parts = error.sizes(), .bytes = joined};
  }
  message.released = in_call ? end_request() : leases_->take_released();
  send(write(message));
  if (pending_.empty()) leases_->end_work();
}

bool WorkerEnd::log(int level, const std::string& logger, const std::string& text) {
  const LogMessage message{level, std::string(core::first_letters(logger, 1000)),
                           std::string(core::first_letters(text, kMostText))};
  return leases_->channel().send(write(message).bytes()) == Channel::Sent::Yes;
}

}  // namespace freshframe::process
