// Sends samples and messages to the workers, and processes their replies.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/device.hpp"
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/frame/frame_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/arrivals.hpp"
#include "process/crew/crew.hpp"
#include "process/crew/placed_frame.hpp"
#include "process/memory/slab_pool.hpp"
#include "process/now.hpp"

namespace freshframe::process {

namespace {

constexpr auto kCloseTime = std::chrono::seconds(5);  // from the message "closed" until the process ends
// From the end of the socket's stream, which usually means that the process has exited, until the process
// ends.
constexpr auto kStreamTime = std::chrono::seconds(1);

core::Call make_record(const Job& job, TimePoint done) {
  auto call = core::Call::make(core::CallKey::make(job.sample));
  call.taken = job.taken;
  call.done = done;
  call.start = static_cast<float>(Seconds(job.sent - job.taken).count());
  call.gathered = static_cast<float>(job.gathered.count());
  return call;
}

std::exception_ptr make_cause(Embedder& embedder, const Seat& seat, const FailedMessage& message) {
  return embedder.make_cause({.text = message.text,
                              .traceback = message.traceback,
                              .error = seat.receive(message.error),
                              .is_device_error = message.is_device_error});
}

// Keeps only the text of an exception after which the node continues, not the exception object.
std::exception_ptr make_skipped_cause(const FailedMessage& message) {
  if (message.is_device_error) return std::make_exception_ptr(DeviceError(message.text));
  return std::make_exception_ptr(Error(message.text));
}

std::vector<AnySample> samples_of(const Seat& seat) {
  std::vector<AnySample> samples;
  for (const auto& job : seat.jobs) samples.push_back(job.sample);
  return samples;
}

// Counts the call at its first result, because the time after that is spent sending the others.
void count_call(core::Runner& runner, const Seat& seat, TimePoint time) {
  if (seat.jobs.size() != seat.given || seat.jobs.front().call != Call::Process) return;
  runner.meter().count_call(time - seat.jobs.front().sent, time);
  runner.meter().count_batch(seat.given);
}

}  // namespace

// ---- to the workers

Seat* Crew::idle_seat() {
  const auto found = std::find_if(seats_.begin(), seats_.end(), [](const auto& seat) {
    return seat->state == WorkerState::Idle && !seat->killed_at;
  });
  return found != seats_.end() ? found->get() : nullptr;
}

std::size_t Crew::most_given() const {
  const auto& batch = runner_.facts().batch;
  return batch ? static_cast<std::size_t>(batch->size) : 1;
}

core::Taken Crew::take(std::vector<AnySample>& samples) {
  auto taken = take_now(samples);
  for (; taken == core::Taken::News; taken = take_now(samples)) {
    for (const auto& gone : runner_.inbox().take_gone()) {
      tell_gone(gone.source);
      if (!core::keeps_end_until_tick(runner_, core_, gone)) emitter_.end_source(gone);
    }
  }
  return taken;
}

// Notifies idle workers that a source has ended; a busy worker is notified after its call.
void Crew::tell_gone(int source) {
  for (const auto& seat : seats_) {
    if (!seat->child()) continue;  // a worker that starts later does not know the source
    seat->gone.push_back({source, core_.names()->find_stream(source)});
    if (seat->state == WorkerState::Idle)
      (void)seat->announce_gone_sources();  // on_tick() sends the rest, if the socket is full
  }
}

core::Taken Crew::take_now(std::vector<AnySample>& samples) {
  if (runner_.facts().batch)
    return runner_.inbox().take_batch(samples, runner_.intake().next_batch(), gather_until_,
                                      core::kWithoutWait);
  const auto taken = runner_.inbox().take(samples.emplace_back(), core::kWithoutWait);
  if (taken != core::Taken::Sample) samples.clear();
  return taken;
}

void Crew::take_samples() {
  const auto most = 2 * seats_.size() * most_given();
  bool wants = false;
  while (!failed_ && !finish_given_) {  // finish() is the last call, without on_tick() after it
    auto* const seat = idle_seat();
    wants = seat != nullptr && emitter_.outstanding() < most;
    if (!wants) break;
    // Alternates with samples, because on_tick() may take longer than its period.
    if (!std::exchange(gave_tick_, false) && give_tick(*seat)) continue;
    std::vector<AnySample> samples;
    // Set before checking the inbox, so that samples that arrive after the check ring.
    bell_->want_samples(true);
    const auto taken = take(samples);
    if (taken == core::Taken::Sample) {
      give(*seat, std::move(samples));
      continue;
    }
    input_ended_ = taken == core::Taken::Ended;
    if (!input_ended_ && give_tick(*seat)) continue;
    break;
  }
  bell_->want_samples(wants);
  if (wants == armed_) return;
  armed_ = wants;
  runner_.inbox().arm(wants);
  if (wants) bell_->ring_for_sample();  // a sample may have arrived between the check and this line
}

bool Crew::give_tick(Seat& seat) {
  AnySample tick;
  if (!runner_.take_tick(tick)) return false;
  std::vector<AnySample> samples;
  samples.push_back(std::move(tick));
  const bool is_last = core::has_input_ended(core_, runner_.index());
  give(seat, std::move(samples), is_last ? Call::OnLastTick : Call::OnTick);
  for (const auto& gone : runner_.intake().take_sources_behind_tick()) emitter_.end_source(gone);
  gave_tick_ = true;
  return true;
}

// A node with finish() has only one worker.
bool Crew::call_finish() {
  auto& seat = *seats_.front();
  if (finish_given_) return seat.jobs.empty();
  const bool is_stopping = stop_seen_.has_value();
  if (seat.state == WorkerState::Working || (seat.state != WorkerState::Idle && !is_stopping)) return false;
  finish_given_ = true;
  auto last = seat.state == WorkerState::Idle ? runner_.begin_last() : std::nullopt;
  if (!last) return true;
  std::vector<AnySample> samples;
  samples.push_back(*std::move(last));
  give(seat, std::move(samples), Call::Finish);
  return failed_ || seat.jobs.empty();
}

void Crew::give(Seat& seat, std::vector<AnySample> samples, Call call) {
  const auto most_inline = samples.size() == 1 ? kMostInline : kMostInline / (2 * samples.size());
  std::vector<Parcel> parcels;
  for (auto& sample : samples) {
    Job job{.sample = std::move(sample),
            .ticket = emitter_.take_ticket(),
            .id = ++next_id_,
            .taken = runner_.inbox().taken_at(),
            .gathered = runner_.inbox().gathered_for(),
            .call = call};
    try {
      parcels.push_back(pack(job, most_inline));
    } catch (const std::exception& error) {  // the message cannot be sent; the worker is not at fault
      fail_sample(std::current_exception(), error.what(), job.sample);
      emitter_.offer(job.ticket, {std::move(job.sample)});
      continue;
    }
    seat.jobs.push_back(std::move(job));
  }
  seat.given = seat.jobs.size();
  if (seat.jobs.empty()) return;
  try {
    send(seat, std::move(parcels));
  } catch (const std::exception& error) {
    fail_all(error.what(), samples_of(seat));  // the worker may have received a part of the call
    return;
  }
  seat.state = WorkerState::Working;
  show(seat);
}

namespace {

std::vector<ArrivalMessage> make_messages(const std::map<int, TimePoint>& arrivals) {
  std::vector<ArrivalMessage> messages;
  for (const auto& [source, until] : arrivals) {
    if (messages.size() == kMostArrivals) break;
    messages.push_back({.source = source, .until = Seconds(until.time_since_epoch()).count()});
  }
  return messages;
}

}  // namespace

Crew::Parcel Crew::pack(Job& job, std::size_t most_inline) {
  Parcel parcel;
  auto& message = parcel.message;
  message.id = job.id;
  message.call = job.call;
  message.stamp = job.sample.stamp;
  message.node = job.sample.node;
  message.dropped = job.sample.dropped;
  if (is_tick(job.call)) message.arrivals = make_messages(arrivals_.list(core_));
  PlacedFrame placed;
  if (job.sample.frame) {
    const auto holder = runner_.intake().holder();
    core_.budget()->check_held(holder, core_.options().max_held_bytes);
    placed = place(job.sample.frame, SlabPool::get_shared());
    message.forms = placed.forms;
    message.lease = job.lease = job.id;
  }
  if (job.sample.value) {
    auto encoded = embedder_.encode(job.sample.value);
    message.value = place_value(job, encoded, placed.slabs, most_inline);
    if (!message.value.shared) {
      parcel.inline_value.resize(encoded.size());
      encoded.copy_to(parcel.inline_value.data());
      message.value.bytes = parcel.inline_value;
    }
  }
  parcel.slabs = std::move(placed.slabs);
  return parcel;
}

void Crew::send(Seat& seat, std::vector<Parcel> parcels) {
  const auto time = now();
  for (auto& job : seat.jobs) job.sent = time;
  seat.announce_gone(SlabPool::get_shared());
  auto sent = seat.announce_gone_sources();
  for (const auto& parcel : parcels) {
    for (const int number : {parcel.message.stamp.source, parcel.message.node}) {
      if (sent == Channel::Sent::Yes) sent = seat.announce(number, *core_.names());
    }
  }
  for (std::size_t i = 0; i < parcels.size() && sent == Channel::Sent::Yes; ++i) {
    auto& [message, inline_value, slabs] = parcels[i];
    message.more = static_cast<std::uint32_t>(parcels.size() - i - 1);
    sent = seat.announce(slabs);
    if (sent == Channel::Sent::Yes) sent = seat.send(write(message));
  }
  // If the worker has ended, the next step handles that and counts its samples.
  if (sent == Channel::Sent::Full) seat.kill(now(), seat.channel()->why_full());
}

ValueMessage Crew::place_value(Job& job, EncodedValue& encoded,
                               std::vector<std::shared_ptr<const Slab>>& slabs,
                               std::size_t most_inline) const {
  ValueMessage message{.kind = encoded.kind, .parts = encoded.sizes()};
  const auto size = encoded.size();
  message.shared = size > most_inline;
  if (!message.shared) return message;
  auto& pool = SlabPool::get_shared();
  job.slot = {pool.allocate(size), [](std::uint8_t* memory) { SlabPool::get_shared().deallocate(memory); }};
  const auto found = job.slot ? pool.find(job.slot.get()) : std::nullopt;
  if (!found)
    throw Error("cannot send a value of " + std::to_string(size) +
                " bytes to a worker: " + pool.why_refused());
  encoded.copy_to(reinterpret_cast<std::byte*>(job.slot.get()));
  message.slab = found->slab->id();
  message.offset = found->offset;
  slabs.push_back(found->slab);
  return message;
}

// ---- from the workers

void Crew::read(Seat& seat) {
  while (auto* const channel = seat.channel()) {
    bool has_received = false;
    try {
      const auto received = channel->receive(Channel::Wait::No);
      has_received = true;
      if (received == Channel::Received::Nothing) return;
      if (received == Channel::Received::End) {
        seat.stream_ended = true;
        if (!seat.closed) seat.kill_at = now() + kStreamTime;
        return;
      }
      if (!seat.killed_at) handle(seat, channel->bytes());
    } catch (const ProtocolError& error) {
      seat.kill(now(), std::string("it sent an invalid message: ") + error.what());
    } catch (const std::exception& error) {  // an invalid message of one worker must not end the others
      seat.kill(now(), error.what());
      if (has_received) continue;
      seat.stream_ended = true;  // otherwise the channel would fail again and again
      return;
    }
  }
}

void Crew::handle(Seat& seat, std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  switch (read_to_parent(reader)) {
    case ToParent::Hello: {
      const auto version = process::read<HelloMessage>(reader).version;
      if (version != embedder_.version()) {
        throw ProtocolError("it runs freshframe " + version + ", but this process runs " +
                            embedder_.version());
      }
      break;
    }
    case ToParent::Opened:
      (void)process::read<OpenedMessage>(reader);
      take_open(seat);
      break;
    case ToParent::Need: {
      const auto needed = process::read<NeedMessage>(reader);
      if (seat.jobs.empty()) throw ProtocolError("it requested memory for a result without having a sample");
      seat.give_memory(needed);
      break;
    }
    case ToParent::Reply:
      reply(seat, process::read<ReplyMessage>(reader));
      break;
    case ToParent::Failed:
      take_failure(seat, process::read<FailedMessage>(reader));
      break;
    case ToParent::Released:
      seat.release(process::read<ReleasedMessage>(reader).leases);
      break;
    case ToParent::Log: {
      const auto record = process::read<LogMessage>(reader);
      embedder_.log(record.level, record.logger, record.text);
      break;
    }
    case ToParent::Closed:
      (void)process::read<ClosedMessage>(reader);
      if (seat.state != WorkerState::Closing) throw ProtocolError("it closed without a request");
      seat.closed = true;
      seat.dump_until.reset();
      seat.kill_at = now() + kCloseTime;
      break;
  }
}

void Crew::take_open(Seat& seat) {
  seat.has_opened = true;
  if (seat.state == WorkerState::Closing) {  // a stop was requested in the meantime
    seat.closing_since = now();
    return;
  }
  if (seat.state != WorkerState::Starting) throw ProtocolError("it opened twice");
  seat.state = WorkerState::Idle;
  if (opening_) ++opened_;
  show(seat);
}

// Checks everything first, so that an invalid message changes nothing.
void Crew::reply(Seat& seat, const ReplyMessage& message) {
  if (seat.jobs.empty() || message.id != seat.jobs.front().id)
    throw ProtocolError("it replied to a sample that it was not given");
  seat.check_held(message.released, 1);
  auto& job = seat.jobs.front();
  if (!keep_result(seat, job, message)) return;
  const auto call = job.call;
  auto outcome = Outcome{job.sample, std::move(job.results), call == Call::Process};
  const auto refused = job.refused;
  const auto ticket = job.ticket;
  const auto time = now();
  outcome.call = make_record(job, time);
  count_call(runner_, seat, time);
  end_job(seat, message.released);
  try {
    if (refused) std::rethrow_exception(refused);
    for (const auto& result : outcome.results) check_demand(result);
    for (const auto& result : outcome.results) embedder_.inspect(result, outcome.from);
  } catch (const std::exception& error) {
    outcome.processed = false;
    outcome.results.clear();
    fail_sample(std::current_exception(), error.what(), outcome.from, {}, call);
  }
  if (call == Call::Process) ++seat.samples;
  seat.back_off.reset();
  after_job(seat);  // must come first, because the receiver of the result may read the worker's statistics
  emitter_.offer(ticket, std::move(outcome));
}

// The results of a call are emitted together, so a worker that dies during the call has emitted none of them.
bool Crew::keep_result(const Seat& seat, Job& job, const ReplyMessage& message) {
  if (job.more ? message.more + 1 != *job.more : false) throw ProtocolError("a result is missing");
  try {
    if (auto output = make_output(seat, message)) {
      if (message.like) output->like = std::make_shared<const Stamp>(*message.like);
      job.results.push_back(*std::move(output));
    }
  } catch (const ProtocolError&) {
    throw;
  } catch (const std::exception&) {  // unpickling failed, or this process is out of memory
    job.refused = std::current_exception();
  }
  job.more = message.more;
  return message.more == 0;
}

void Crew::refuse(const std::exception_ptr& error, const AnySample& from) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    fail_sample(error, known.what(), from);
  }
}

std::optional<Emitted> Crew::make_output(const Seat& seat, const ReplyMessage& message) {
  switch (message.kind) {
    case ResultKind::Nothing:
      break;
    case ResultKind::Input: {
      const auto& frame = seat.jobs.front().sample.frame;
      if (!frame || !frame.has(message.form))
        throw ProtocolError("it returned its input in a format that the input does not have");
      return Emitted{{}, frame.to(message.form)};
    }
    case ResultKind::Picture: {
      Picture layout{message.picture, {}};
      seat.check_results(message.offset,
                         // throws before memory is allocated for an invalid format
                         core::lay_out(layout, nullptr));
      FrameBuilder builder(message.picture);
      seat.read_results(message.offset,
                        std::as_writable_bytes(std::span(builder.plane(0), builder.size_bytes())));
      return Emitted{{}, std::move(builder).publish(embedder_.pixel_ops())};
    }
    case ResultKind::Value:
      return Emitted{embedder_.decode(seat.receive(message.value), runner_.name()), {}};
  }
  return std::nullopt;
}

// Checks the type as for a node in this process, so that an error names this node and not its child.
void Crew::check_demand(const Emitted& output) const {
  const auto newest = runner_.outlet().outputs().newest();  // the emitter's thread may be sending
  const auto& demand = newest->demand;
  const auto* const type = output.value ? output.value.get()->type() : get_type<Frame>();
  if (demand.allows(type)) return;
  throw OptionTypeError("returned " + std::string(type->name) + ", but its child '" + demand.child +
                        "' takes " + core::join_names(demand.types));
}

// The job's frame stays lent to the worker, unless the worker has released it.
void Crew::end_job(Seat& seat, std::span<const std::uint64_t> released) {
  const auto lease = seat.jobs.front().lease;
  if (lease != 0) {
    const auto holder = runner_.intake().holder();
    seat.lend(lease, core::FrameAccess::loan(seat.jobs.front().sample.frame, holder));
  }
  seat.jobs.pop_front();
  seat.release(released);
}

void Crew::after_job(Seat& seat) {
  if (seat.state != WorkerState::Working || !seat.jobs.empty()) return;
  seat.state = WorkerState::Idle;
  (void)seat.announce_gone_sources();  // on_tick() sends the rest, if the socket is full
  if (ending_ || failed_) seat.let_close(now());
  show(seat);
}

// An exception of open(), close() or source_gone().
void Crew::take_outside_failure(Seat& seat, const FailedMessage& message) {
  const bool in_open = seat.state == WorkerState::Starting;
  const bool in_close = seat.state == WorkerState::Closing;
  if (!in_open && !in_close && !seat.told_gone) throw ProtocolError("it failed outside a call");
  seat.release(message.released);
  if (in_open && !opening_) {
    seat.kill(now(), "its open() failed: " + message.text);
    return;
  }
  const bool goes_on = runner_.fail({make_cause(embedder_, seat, message), message.text, message.traceback});
  // A failed source_gone() need not end the node.
  failed_ = failed_ || in_open || in_close || !goes_on;
  if (in_open) seat.let_close(now());
}

void Crew::take_failure(Seat& seat, const FailedMessage& message) {
  if (message.id == 0) return take_outside_failure(seat, message);
  if (seat.jobs.empty() || message.id != seat.jobs.front().id)
    throw ProtocolError("it reported a failure on a sample that it was not given");
  if (message.whole && seat.jobs.size() != seat.given)
    throw ProtocolError("it reported a failure of a call that already has a result");
  seat.check_held(message.released, message.whole && runner_.facts().batch ? seat.jobs.size() : 1);
  const auto sample = seat.jobs.front().sample;
  const auto ticket = seat.jobs.front().ticket;
  const auto call = seat.jobs.front().call;
  count_call(runner_, seat, now());
  const bool is_skipped = (options_.skips_errors || message.is_device_error) && call != Call::Finish;
  const auto error = is_skipped ? make_skipped_cause(message) : make_cause(embedder_, seat, message);
  if (message.whole && runner_.facts().batch) {
    fail_call(seat, message, error);
    return;
  }
  end_job(seat, message.released);
  fail_sample(error, message.text, sample, message.traceback, call);
  emitter_.offer(ticket, {sample});
  after_job(seat);
}

// Counts the sample as an error. If the node does not continue after errors, this fails all workers.
void Crew::fail_sample(std::exception_ptr error, const std::string& text, const AnySample& sample,
                       const std::string& traceback, Call call) {
  if (runner_.fail({std::move(error), text, traceback}, core::FailedOn::one(&sample))) return;
  if (call == Call::Process) runner_.place().context().counters.drop(NodeDropCause::Error);
  failed_ = true;
}

// Handles a call that failed for all its samples.
void Crew::fail_call(Seat& seat, const FailedMessage& message, const std::exception_ptr& error) {
  std::vector<AnySample> samples;
  std::vector<std::uint64_t> tickets;
  const auto call = seat.jobs.front().call;
  while (!seat.jobs.empty()) {
    samples.push_back(seat.jobs.front().sample);
    tickets.push_back(seat.jobs.front().ticket);
    const bool last = seat.jobs.size() == 1;
    end_job(seat, last ? std::span<const std::uint64_t>(message.released) : std::span<const std::uint64_t>());
  }
  if (!runner_.fail({error, message.text, message.traceback}, {samples, true})) {
    if (call == Call::Process) runner_.place().context().counters.drop(NodeDropCause::Error, samples.size());
    failed_ = true;
  }
  for (std::size_t i = 0; i < samples.size(); ++i) emitter_.offer(tickets[i], {std::move(samples[i])});
  after_job(seat);
}

std::vector<AnySample> Crew::drop_jobs(Seat& seat, NodeDropCause cause) {
  std::vector<AnySample> lost;
  for (auto& job : std::exchange(seat.jobs, {})) {
    if (job.call == Call::Process) runner_.place().context().counters.drop(cause);
    emitter_.offer(job.ticket, {job.sample});
    lost.push_back(std::move(job.sample));
  }
  return lost;
}

}  // namespace freshframe::process
