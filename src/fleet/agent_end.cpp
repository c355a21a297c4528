// The agent's end of the channel to its controller.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/agent_end.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <utility>

#include "fleet/last_words.hpp"
#include "platform/thread.hpp"
#include "process/life/child.hpp"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::fleet {
namespace {

using process::ByteReader;
using process::ByteWriter;

constexpr std::size_t kReadAtOnce = 64U << 10;  // bytes
constexpr std::size_t kMostUnsent = 4U << 20;   // bytes; beyond this, no batches are created

template <class Kind>
ByteWriter begin(Kind kind) {
  ByteWriter writer;
  writer.put(std::uint32_t{0});  // placeholder for the length
  writer.put(kind);
  return writer;
}

std::shared_ptr<const Message> finish(ByteWriter& writer) {
  return finish_message(writer.take());
}

template <class Record>
void put_all(ByteWriter& writer, const std::vector<Record>& records) {
  writer.put_bytes(std::as_bytes(std::span(records)));
}

Run get_run(ByteReader& reader) {
  Run run;
  run.epoch = reader.get<std::uint64_t>();
  run.camera = reader.get<std::uint32_t>();
  return run;
}

}  // namespace

AgentEnd::AgentEnd(process::Descriptor socket, int parent, AgentOptions options)
    : options_(options),
      socket_(std::move(socket)),
      bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      outboxes_(options.outboxes),
      flow_(options.gather, boot_now()),
      buffer_(kReadAtOnce) {
  if (!bell_) throw Error("cannot create an eventfd: " + std::generic_category().message(errno));
  if (parent != 0) guard_.emplace(socket_.get(), parent);
  thread_ = platform::start_without_signals("ff agent", [this] { run(); });
}

AgentEnd::~AgentEnd() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

// ---- thread-safe

std::optional<Order> AgentEnd::next_order(std::chrono::nanoseconds timeout) {
  const auto clock = Clock::real();
  const Lock lock(mutex_);
  static_cast<void>(
      changed_.wait_until(mutex_, *clock, clock->now() + timeout,
                          [this]() FRESHFRAME_REQUIRES(mutex_) { return !orders_.empty() || ended_; }));
  if (orders_.empty()) return std::nullopt;
  Order order = std::move(orders_.front());
  orders_.pop_front();
  return order;
}

bool AgentEnd::has_ended() const {
  const Lock lock(mutex_);
  return ended_ && orders_.empty();
}

void AgentEnd::tell(std::span<const std::byte> bytes) {
  auto writer = begin(ToController::Event);
  writer.put_bytes(bytes);
  {
    const Lock lock(mutex_);
    told_.push_back(finish(writer));
  }
  wake();
}

bool AgentEnd::put(Outboxes::Stream& stream, TimePoint captured, const Result& result) {
  if (!runs_.note_result(stream.run(), captured)) return false;
  results_.fetch_add(1, std::memory_order_relaxed);
  if (outboxes_.put(stream, result)) wake();
  return true;
}

void AgentEnd::open_run(Run run) {
  open_slot(run);
  runs_.open(run);
}

void AgentEnd::close_run(Run run) {
  runs_.close(run);
  forget_slot(run);
  outboxes_.close(run);
  const Lock lock(mutex_);
  in_hurry_ = true;
  wake();
}

void AgentEnd::wake() const noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(::write(bell_.get(), &one, sizeof one));
}

// ---- called on the agent's thread

void AgentEnd::run() {
  try {
    while (true) {
      const auto now = boot_now();
      if (now >= renewal_due()) send_renewal(now);
      serve_pulls(now);
      {
        const Lock lock(mutex_);
        if (stopping_) return;
        for (auto& message : std::exchange(told_, {})) outgoing_.add(std::move(message));
      }
      if (!outgoing_.write_to(socket_.get())) return end_agent();
      if (wait(next_time(now)) && !read_socket()) return end_agent();
    }
  } catch (const std::exception&) {  // an invalid message, or out of memory: stop trusting the controller
    end_agent();
  }
}

void AgentEnd::end_agent() {
  const Lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

/// The controller does not read, so no more batches are created for it.
bool AgentEnd::is_backed_up() const noexcept {
  return outgoing_.size_bytes() > kMostUnsent;
}

BootTime AgentEnd::renewal_due() const {
  const Lock lock(mutex_);
  return renewed_ + (in_hurry_ ? std::min(options_.hurry, options_.renew) : options_.renew);
}

BootTime AgentEnd::next_time(BootTime now) {
  auto next = renewal_due();
  for (const auto& [number, pull] : pulls_) {
    if (is_backed_up() || !outboxes_.has(number)) continue;
    next = std::min(next, answered_[number] + flow_.between_batches());
  }
  return std::max(next, now);
}

/// Returns true if the socket has data to read.
bool AgentEnd::wait(BootTime until) {
  pollfd watched[] = {
      {socket_.get(), static_cast<short>(POLLIN | (outgoing_.empty() ? 0 : POLLOUT)), 0},
      {bell_.get(), POLLIN, 0},
  };
  const auto rest = std::max(until - boot_now(), BootTime(0));
  const timespec time{static_cast<time_t>(rest.count() / 1'000'000'000),
                      static_cast<long>(rest.count() % 1'000'000'000)};
  if (::ppoll(watched, 2, &time, nullptr) <= 0) return false;
  if (watched[1].revents != 0) {
    std::uint64_t count = 0;
    static_cast<void>(::read(bell_.get(), &count, sizeof count));
  }
  return watched[0].revents != 0;
}

/// Returns false if the controller has closed the connection.
bool AgentEnd::read_socket() {
  while (true) {
    const auto got = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got == 0) return false;
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN;
    }
    incoming_.add(std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(got)));
    for (auto message = incoming_.next(); !message.empty(); message = incoming_.next()) take(message);
    // if more data is available, the next wait() returns immediately
    if (static_cast<std::size_t>(got) < buffer_.size()) return true;
  }
}

void AgentEnd::take(std::span<const std::byte> message) {
  ByteReader reader(message);
  switch (reader.get_enum(ToAgent::Forget, "the kind of a message")) {
    case ToAgent::Order: {
      const auto bytes = reader.take(reader.left_bytes());
      const Lock lock(mutex_);
      orders_.emplace_back(bytes.begin(), bytes.end());
      changed_.notify_all();
      return;
    }
    case ToAgent::Reader: {
      const auto number = reader.get<std::uint32_t>();
      return outboxes_.add_reader(number, reader.get_text(), boot_now());
    }
    case ToAgent::ReaderGone: {
      const auto number = reader.get<std::uint32_t>();
      pulls_.erase(number);
      answered_.erase(number);
      return outboxes_.remove_reader(number);
    }
    case ToAgent::Pull: {
      Outboxes::Pull pull;
      pull.reader = reader.get<std::uint32_t>();
      pull.most_results = reader.get<std::uint32_t>();
      pull.most_bytes = reader.get<std::uint32_t>();
      pulls_[pull.reader] = pull;
      return;
    }
    case ToAgent::Forget:
      return outboxes_.forget(get_run(reader));
  }
  throw process::ProtocolError("unknown message kind 0");
}

void AgentEnd::serve_pulls(BootTime now) {
  for (auto each = pulls_.begin(); each != pulls_.end();) {
    const auto& [number, pull] = *each;
    const bool is_early = now < answered_[number] + flow_.between_batches();
    const auto batch = is_early || is_backed_up() ? nullptr : outboxes_.pull(pull, now);
    if (batch) {
      outgoing_.add(batch);
      answered_[number] = now;
      flow_.note(results_.load(std::memory_order_relaxed), now);
    }
    each = batch ? pulls_.erase(each) : std::next(each);
  }
}

void AgentEnd::send_renewal(BootTime now) {
  renewed_ = now;
  // While the controller does not read, additional renewals are pointless.
  if (is_backed_up()) return;
  {
    const Lock lock(mutex_);
    in_hurry_ = false;
  }
  outboxes_.expire(now);
  runs_.read(now);
  const auto answers = runs_.answers();
  const auto cameras = runs_.records();
  const auto outboxes = outboxes_.records();
  auto writer = begin(ToController::Renewal);
  writer.put(static_cast<std::int64_t>(now.count()));
  writer.put(process::read_use(::getpid()).cpu);
  writer.put(static_cast<std::uint32_t>(answers.size()));
  writer.put(static_cast<std::uint32_t>(cameras.size()));
  writer.put(static_cast<std::uint32_t>(outboxes.last.size()));
  writer.put(static_cast<std::uint32_t>(outboxes.now.size()));
  put_all(writer, cameras);
  put_all(writer, outboxes.last);
  put_all(writer, outboxes.now);
  for (const auto& [run, why] : answers) {
    writer.put(run.epoch);
    writer.put(run.camera);
    writer.put_text(why);
  }
  outgoing_.add(finish(writer));
}

}  // namespace freshframe::fleet
