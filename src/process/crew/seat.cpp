// Messages to a worker, the worker's memory for results, and its shutdown.
// SPDX-License-Identifier: Apache-2.0
#include "process/crew/seat.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "core/unit_text.hpp"
#include "process/memory/headroom.hpp"
#include "process/memory/memory_file.hpp"
#include "process/now.hpp"
#include <fcntl.h>
#include <sys/mman.h>

namespace freshframe::process {
namespace {

constexpr std::uint64_t kMostResults = std::uint64_t{1} << 30;  // default of max_bytes
constexpr std::uint64_t kLeastResults = std::uint64_t{1} << 20;
constexpr std::size_t kMostDump = std::size_t{64} << 10;

Descriptor make_dump_file() {
  Descriptor file(::memfd_create("freshframe-stacks", MFD_CLOEXEC));
  if (!file) {
    throw Error("cannot allocate memory for the stacks of a worker: " +
                std::generic_category().message(errno));
  }
  ::fcntl(file.get(), F_SETFL, O_APPEND);
  return file;
}

ProtocolError not_held(std::uint64_t lease) {
  return ProtocolError("it returned lease " + std::to_string(lease) + ", which it does not hold");
}

}  // namespace

Seat::Seat(std::size_t number, const Recipe& recipe, const CrewOptions& options)
    : number_(number), recipe_(recipe), options_(options) {}

void Seat::start(int payload, const std::string& node) {
  auto [ours, theirs] = Channel::make_pair();
  dump_ = make_dump_file();
  child_ = Child({.arguments = recipe_.arguments,
                  .environment = recipe_.environment,
                  .socket = theirs.get(),
                  .memory = options_.max_bytes});
  channel_.emplace(std::move(ours), false);
  stream_ended = has_opened = closed = cut_off = told_gone = false;
  ++starts;
  known.clear();
  gone.clear();
  state = WorkerState::Starting;
  const int files[] = {payload, dump_.get()};
  must_send(write(InitMessage{recipe_.payload.size(), node}), files);
}

void Seat::clear() {
  channel_.reset();
  child_.abandon();
  slabs_.clear();
  slabs_generation_ = 0;
  leases_.clear();
  results_.reset();
  results_size_ = 0;
  dump_.reset();
  jobs.clear();
  dump_until.reset();
  kill_at.reset();
  killed_at.reset();
  closing_since.reset();
  fault.clear();
  last_dump.clear();
}

void Seat::kill(TimePoint now, std::string why) {
  if (!killed_at) fault = std::move(why);
  child_.kill();
  killed_at = now;
  kill_at.reset();
  dump_until.reset();
}

void Seat::let_close(TimePoint now) {
  state = WorkerState::Closing;
  closing_since = now;
  if (channel_) channel_->end_sending();
}

void Seat::abandon() {
  child_.abandon();
}

Channel::Sent Seat::send(const ByteWriter& message, std::span<const int> descriptors) {
  return channel_ ? channel_->send(message.bytes(), descriptors) : Channel::Sent::Gone;
}

void Seat::must_send(const ByteWriter& message, std::span<const int> descriptors) {
  if (send(message, descriptors) == Channel::Sent::Full) kill(now(), channel_->why_full());
}

Channel::Sent Seat::announce(const std::vector<std::shared_ptr<const Slab>>& slabs) {
  for (const auto& slab : slabs) {
    if (slabs_.contains(slab->id())) continue;
    const int file = slab->descriptor();
    const auto sent = send(write(SlabMessage{slab->id(), slab->size()}), {&file, 1});
    if (sent != Channel::Sent::Yes) return sent;
    slabs_.insert(slab->id());
  }
  return Channel::Sent::Yes;
}

Channel::Sent Seat::announce(int number, const core::NameTable& names) {
  if (number < 0 || known.contains(number)) return Channel::Sent::Yes;
  const auto sent = send(write(NodeMessage{number, names.find_name(number), names.find_stream(number)}));
  if (sent == Channel::Sent::Yes) known.insert(number);
  return sent;
}

Channel::Sent Seat::announce_gone_sources() {
  while (!gone.empty()) {
    const auto end = gone.begin() + static_cast<std::ptrdiff_t>(std::min(gone.size(), kMostSourcesGone));
    const auto sent = send(write(SourceGoneMessage{{gone.begin(), end}}));
    if (sent != Channel::Sent::Yes) return sent;
    told_gone = true;
    gone.erase(gone.begin(), end);
  }
  return Channel::Sent::Yes;
}

void Seat::announce_gone(const SlabPool& pool) {
  const auto generation = pool.generation();
  if (generation == slabs_generation_) return;
  const auto live = pool.slabs();
  bool has_told_all = true;
  std::erase_if(slabs_, [&](std::uint32_t id) {
    if (std::any_of(live.begin(), live.end(), [&](const auto& slab) { return slab->id() == id; }))
      return false;
    const bool is_told = send(write(SlabGoneMessage{id})) == Channel::Sent::Yes;
    has_told_all = has_told_all && is_told;
    return is_told;
  });
  if (has_told_all) slabs_generation_ = generation;
}

std::uint64_t Seat::memory_limit() const noexcept {
  return options_.max_bytes.value_or(kMostResults);
}

// The file is not mapped here: if the worker truncated it, reading a mapping would raise SIGBUS.
std::string Seat::grow_results(std::uint64_t bytes) {
  if (bytes > memory_limit()) {
    return "a result of " + core::mebibytes_rounded_up(bytes) + " is more than a worker may send, " +
           core::mebibytes_rounded_down(memory_limit()) + (options_.max_bytes ? " (max_bytes=)" : "");
  }
  const auto size = std::max(kLeastResults, std::bit_ceil(bytes));
  const auto left = memory_headroom();
  if (left < size + SlabPool::kReserve) {
    return "a result needs " + core::mebibytes_rounded_up(size) + " of shared memory, but only " +
           core::mebibytes_rounded_down(left) + " are left before the OOM killer acts";
  }
  try {
    auto file = make_memory_file("freshframe-results", static_cast<std::size_t>(size));
    seal(file, Sealed::Size);
    results_ = std::move(file);
    results_size_ = size;
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// The worker keeps its old memory until it has mapped the new one, so a failure changes nothing on either
// side.
void Seat::give_memory(const NeedMessage& needed) {
  if (needed.has > results_size_)
    throw ProtocolError("it claims " + std::to_string(needed.has) + " bytes of memory for results, but has " +
                        std::to_string(results_size_));
  MemoryMessage answer;
  // A worker with enough memory only waits until its last result has been read.
  if (needed.bytes > needed.has) {
    if (needed.bytes > results_size_) answer.why = grow_results(needed.bytes);
    if (answer.why.empty()) answer.bytes = results_size_;
  }
  const int file = results_.get();
  must_send(write(answer), {&file, answer.bytes > 0 ? std::size_t{1} : std::size_t{0}});
}

ReceivedValue Seat::receive(const ValueMessage& message) const {
  ReceivedValue value(message, message.shared ? results_size_ : kMostInline);
  if (message.shared) read_results(message.offset, value.bytes());
  return value;
}

void Seat::check_results(std::uint64_t offset, std::uint64_t bytes) const {
  check_within(offset, bytes, results_size_, "a result");
}

void Seat::read_results(std::uint64_t offset, std::span<std::byte> into) const {
  check_results(offset, into.size());
  if (!into.empty() && !read_file(results_.get(), into, offset))
    throw ProtocolError("its result cannot be read");
}

void Seat::check_held(std::span<const std::uint64_t> leases, std::size_t answered) const {
  std::set<std::uint64_t> held;
  const auto end = jobs.begin() + static_cast<std::ptrdiff_t>(answered);
  for (const auto lease : leases) {
    const bool of_job =
        lease != 0 && std::any_of(jobs.begin(), end, [&](const Job& job) { return job.lease == lease; });
    if ((!of_job && !leases_.contains(lease)) || !held.insert(lease).second) {
      throw not_held(lease);
    }
  }
}

void Seat::release(std::span<const std::uint64_t> leases) {
  for (const auto lease : leases) {
    if (leases_.erase(lease) == 0) {
      throw not_held(lease);
    }
  }
}

void Seat::ask_for_dump(TimePoint now, std::string why) {
  constexpr auto kPatience = std::chrono::milliseconds(200);
  child_.signal(SIGRTMIN + 3);
  dump_until = now + kPatience;
  too_late = std::move(why);
}

std::string Seat::dump() const {
  std::string text(std::min(kMostDump, file_size(dump_.get())), '\0');
  if (!read_file(dump_.get(), std::as_writable_bytes(std::span(text)))) text.clear();
  return text;
}

WorkerStats Seat::stats() const {
  return {.pid = child_.pid(), .state = state, .processed = samples, .restarts = starts > 0 ? starts - 1 : 0};
}

}  // namespace freshframe::process
