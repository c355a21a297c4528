// Samples and messages: what goes to the workers of a crew, and what comes back.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "process/crew/crew.hpp"
#include "process/crew/pictures.hpp"

namespace freshframe::process {
namespace {

constexpr auto kCloseTime = std::chrono::seconds(5);  // from "closed" to the process's end
constexpr auto kStreamTime =
    std::chrono::seconds(1);  // from the socket's end, which is usually that of the process

TimePoint now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

// ---- to the workers

Seat* Crew::idle_seat() {
  const auto found = std::find_if(seats_.begin(), seats_.end(), [](const auto& seat) {
    return seat->state == WorkerState::Idle && !seat->killed_at;
  });
  return found != seats_.end() ? found->get() : nullptr;
}

void Crew::take_samples() {
  const auto most = 2 * seats_.size();
  bool wants = false;
  while (!failed_) {
    auto* const seat = idle_seat();
    wants = seat != nullptr && emitter_.outstanding() < most;
    if (!wants) break;
    AnySample sample;
    bell_->want_samples(true);  // before the look: what comes after it rings
    const auto taken = worker_.inbox().try_take(sample);
    if (taken == core::Taken::Sample) {
      give(*seat, std::move(sample));
      continue;
    }
    input_ended_ = taken == core::Taken::Ended;
    break;
  }
  bell_->want_samples(wants);
  if (wants == armed_) return;
  armed_ = wants;
  worker_.inbox().arm(wants);
  if (wants) bell_->ring_for_sample();  // one may have come between the look and this
}

void Crew::give(Seat& seat, AnySample sample) {
  Job job{std::move(sample), emitter_.take_ticket(), ++next_id_};
  job.sent = now();
  seat.job.emplace(std::move(job));
  try {
    send(seat);
  } catch (const std::exception& error) {  // of what is to be sent, not of the worker
    job = *std::exchange(seat.job, std::nullopt);
    fail_sample(std::current_exception(), error.what(), job.sample);
    emitter_.offer(job.ticket, {std::move(job.sample)});
    return;
  }
  seat.state = WorkerState::Working;
  show(seat);
}

void Crew::send(Seat& seat) {
  auto& job = *seat.job;
  RequestMessage message{.id = job.id,
                         .lease = 0,
                         .stamp = job.sample.stamp,
                         .node = job.sample.node,
                         .dropped = job.sample.dropped,
                         .forms = {},
                         .value = {}};
  PlacedFrame placed;
  if (job.sample.frame) {
    const auto holder = core::Graph::holder_of(static_cast<std::size_t>(worker_.index()));
    core_.budget()->check_held(holder, core_.options().max_held_bytes);
    placed = place(job.sample.frame, SlabPool::shared());
    message.forms = placed.forms;
    message.lease = job.lease = job.id;
  }
  EncodedValue encoded;
  std::vector<std::byte> joined;
  if (job.sample.value) {
    encoded = embedder_.encode(job.sample.value);
    message.value = place_value(job, encoded, placed);
    if (!message.value.shared) {
      joined.resize(encoded.size());
      encoded.copy_to(joined.data());
      message.value.bytes = joined;
    }
  }
  job.sent = now();
  seat.announce_gone(SlabPool::shared());
  auto sent = seat.announce(placed.slabs);
  if (sent == Channel::Sent::Yes) sent = seat.send(write(message));
  // One that has gone is buried in the next step, which counts the sample.
  if (sent == Channel::Sent::Full) seat.kill(now(), "it did not read what it was sent");
}

ValueMessage Crew::place_value(Job& job, EncodedValue& encoded, PlacedFrame& placed) const {
  ValueMessage message{.kind = encoded.kind, .parts = encoded.sizes()};
  const auto size = encoded.size();
  message.shared = size > kMostInline;
  if (!message.shared) return message;
  auto& pool = SlabPool::shared();
  job.slot = {pool.allocate(size), [](std::uint8_t* memory) { SlabPool::shared().deallocate(memory); }};
  const auto found = job.slot ? pool.find(job.slot.get()) : std::nullopt;
  if (!found)
    throw Error("cannot give a value of " + std::to_string(size) +
                " bytes to a worker: " + pool.why_refused());
  encoded.copy_to(reinterpret_cast<std::byte*>(job.slot.get()));
  message.slab = found->slab->id();
  message.offset = found->offset;
  placed.slabs.push_back(found->slab);
  return message;
}

// ---- from the workers

void Crew::read(Seat& seat) {
  while (auto* const channel = seat.channel()) {
    try {
      const auto received = channel->receive(Channel::Wait::No);
      if (received == Channel::Received::Nothing) return;
      if (received == Channel::Received::End) {
        seat.stream_ended = true;
        if (!seat.closed) seat.kill_at = now() + kStreamTime;
        return;
      }
      if (!seat.killed_at) handle(seat, channel->bytes());
    } catch (const ProtocolError& error) {
      seat.kill(now(), std::string("it sent what cannot be: ") + error.what());
    } catch (const Error& error) {
      seat.kill(now(), error.what());
    }
  }
}

void Crew::handle(Seat& seat, std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  switch (read_to_parent(reader)) {
    case ToParent::Hello: {
      const auto version = read_hello(reader).version;
      if (version != embedder_.version()) {
        throw ProtocolError("it runs freshframe " + version + ", this process " + embedder_.version());
      }
      break;
    }
    case ToParent::Opened:
      opened(seat);
      break;
    case ToParent::Need: {
      const auto needed = read_need(reader).bytes;
      if (!seat.job) throw ProtocolError("memory for a result, without a sample");
      seat.give_memory(needed);
      break;
    }
    case ToParent::Reply:
      reply(seat, read_reply(reader));
      break;
    case ToParent::Failed:
      failed(seat, read_failed(reader));
      break;
    case ToParent::Released:
      seat.release(read_released(reader).leases);
      break;
    case ToParent::Log: {
      const auto record = read_log(reader);
      embedder_.log(record.level, record.logger, record.text);
      break;
    }
    case ToParent::Closed:
      if (seat.state != WorkerState::Closing) throw ProtocolError("it closed unasked");
      seat.closed = true;
      seat.kill_at = now() + kCloseTime;
      break;
  }
}

void Crew::opened(Seat& seat) {
  if (seat.state == WorkerState::Closing) return;  // the stop came first
  if (seat.state != WorkerState::Starting) throw ProtocolError("it opened twice");
  seat.state = WorkerState::Idle;
  if (opening_) ++opened_;
  show(seat);
}

// What is checked comes first: a message that cannot be changes nothing.
void Crew::reply(Seat& seat, const ReplyMessage& message) {
  if (!seat.job || message.id != seat.job->id) throw ProtocolError("a reply to nothing");
  auto output = output_of(seat, message);
  auto& job = *seat.job;
  auto outcome = Outcome{job.sample, std::move(output), true};
  const auto ticket = job.ticket;
  worker_.count_call(now() - job.sent);
  end_job(seat, message.released);
  if (outcome.output) {
    try {
      check_demand(*outcome.output);
    } catch (const std::exception& error) {
      outcome.processed = false;
      outcome.output.reset();
      fail_sample(std::current_exception(), error.what(), outcome.from);
    }
  }
  ++seat.samples;
  seat.back_off.reset();
  after_job(seat);  // who gets the result may look at the worker
  emitter_.offer(ticket, std::move(outcome));
}

std::optional<Output> Crew::output_of(const Seat& seat, const ReplyMessage& message) {
  switch (message.kind) {
    case ResultKind::Nothing:
      break;
    case ResultKind::Input: {
      const auto& frame = seat.job->sample.frame;
      if (!frame || !frame.has(message.form))
        throw ProtocolError("its input back, which had no such picture");
      return Output{{}, frame.to(message.form)};
    }
    case ResultKind::Picture: {
      FrameBuilder builder(message.picture);
      seat.read_results(std::as_writable_bytes(std::span(builder.plane(0), builder.size_bytes())));
      return Output{{}, std::move(builder).publish(embedder_.pixel_ops())};
    }
    case ResultKind::Value:
      return Output{embedder_.decode(seat.receive(message.value), worker_.name()), {}};
  }
  return std::nullopt;
}

// As the loop of an in-process node: a child's refusal would name the child.
void Crew::check_demand(const Output& output) const {
  const auto& demand = worker_.demand();
  const auto* const type = output.value ? output.value.get()->type() : type_of<Frame>();
  if (demand.allows(type)) return;
  throw OptionTypeError("gave " + std::string(type->name) + ", but its child '" + demand.child + "' takes " +
                        core::names_of(demand.types));
}

// The job's picture becomes a loan, unless the worker has let it go.
void Crew::end_job(Seat& seat, std::span<const std::uint64_t> released) {
  const auto lease = seat.job->lease;
  if (lease != 0) {
    const auto holder = core::Graph::holder_of(static_cast<std::size_t>(worker_.index()));
    seat.lend(lease, seat.job->sample.frame.as_loan(holder));
  }
  seat.job.reset();
  seat.release(released);
}

void Crew::after_job(Seat& seat) {
  if (seat.state != WorkerState::Working) return;
  seat.state = WorkerState::Idle;
  if (ending_ || failed_) seat.let_close();
  show(seat);
}

void Crew::failed(Seat& seat, const FailedMessage& message) {
  const auto cause = [&] {
    return embedder_.cause_of({message.text, message.traceback, seat.receive(message.error)});
  };
  if (message.id == 0) {
    const bool in_open = seat.state == WorkerState::Starting;
    if (!in_open && seat.state != WorkerState::Closing) throw ProtocolError("it failed outside a call");
    seat.release(message.released);
    if (in_open && !opening_) {
      seat.kill(now(), "its open() failed: " + message.text);
      return;
    }
    failed_ = true;
    worker_.fail(cause(), message.text, nullptr, message.traceback);
    if (in_open) seat.let_close();
    return;
  }
  if (!seat.job || message.id != seat.job->id) throw ProtocolError("a failure of nothing");
  const auto sample = seat.job->sample;
  const auto ticket = seat.job->ticket;
  worker_.count_call(now() - seat.job->sent);
  const auto error = options_.skips_errors ? std::make_exception_ptr(Error(message.text)) : cause();
  end_job(seat, message.released);
  fail_sample(error, message.text, sample, message.traceback);
  emitter_.offer(ticket, {sample});
  after_job(seat);
}

// Counts the sample as an error. When the node does not go on after one, the crew has failed.
void Crew::fail_sample(std::exception_ptr error, const std::string& text, const AnySample& sample,
                       const std::string& traceback) {
  if (worker_.fail(std::move(error), text, &sample, traceback)) return;
  worker_.context().counters.drop(NodeDropCause::Error);
  failed_ = true;
}

void Crew::drop_job(Seat& seat, NodeDropCause cause) {
  const auto job = *std::exchange(seat.job, std::nullopt);
  worker_.context().counters.drop(cause);
  emitter_.offer(job.ticket, {job.sample});
}

}  // namespace freshframe::process
