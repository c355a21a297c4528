// Runs the worker processes of a node: the control loop, and how workers start and end.
// SPDX-License-Identifier: Apache-2.0
#include "process/crew/crew.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <csignal>
#include <deque>
#include <stop_token>
#include <utility>

#include "core/pipeline/runner/node_errors.hpp"
#include "core/unit_text.hpp"
#include "core/url/masked_url.hpp"
#include "process/memory/headroom.hpp"
#include "process/memory/memory_file.hpp"
#include "process/now.hpp"
#include <poll.h>

namespace freshframe::process {

namespace {

constexpr auto kStopTime = std::chrono::milliseconds(4500);  // default time limit of a stop
constexpr auto kKillTime = std::chrono::seconds(5);          // how long a killed process may take to end
constexpr auto kTidyTime = std::chrono::seconds(1);
constexpr Seconds kLeastCloseTime{5};  // close() may take as long as a sample, but at least this

// Returns the part of a message that names the node's call to which the jobs belong.
std::string call_text(const std::deque<Job>& jobs, const core::Runner& runner, const core::NameTable& names) {
  const auto& job = jobs.front();
  if (is_tick(job.call)) return " (in on_tick())";
  if (job.call == Call::Finish) return " (in finish())";
  return " (" + samples_text(runner, names, core::FailedOn::one(&job.sample), jobs.size()) + ")";
}

// `kills`: number of processes that the kernel's OOM killer had killed before the worker ended.
std::string describe_end(const Seat& seat, const ChildEnd& end, std::uint64_t kills) {
  if (!seat.fault.empty()) return "was killed: " + seat.fault;
  std::string text = end.kind == ChildEnd::Kind::Unknown ? end.text() : "died: " + end.text();
  if (end.kind == ChildEnd::Kind::Killed && end.code == SIGKILL && oom_kills() > kills) {
    text += "; the kernel's OOM killer was active";
  }
  return text;
}

// The deadline of the worker's current call; nullopt if the call has none.
std::optional<TimePoint> late_at(const Seat& seat, const std::optional<Seconds>& timeout) {
  if (!timeout || seat.killed_at) return std::nullopt;
  if (!seat.jobs.empty()) return seat.jobs.front().sent + to_duration(*timeout);
  if (seat.closing_since && seat.has_opened && !seat.closed) {
    return *seat.closing_since + to_duration(std::max(*timeout, kLeastCloseTime));
  }
  return std::nullopt;
}

std::string too_long_text(const Seat& seat, Seconds timeout) {
  const auto given = "timeout=" + core::seconds_text(timeout.count());
  if (!seat.jobs.empty() || timeout >= kLeastCloseTime) return "it took longer than " + given;
  return "it took longer than " + core::seconds_text(kLeastCloseTime.count()) + " (" + given + ")";
}

}  // namespace

/// The state of a worker when its process ended, and what the worker had not delivered.
struct Crew::LastState {
  bool at_work = false;
  bool starting = false;
  bool closing = false;
  bool clean = false;
  bool owes_last = false;   // whether finish() has not returned its results
  bool owes_close = false;  // whether close() has not returned

  static LastState read_seat(const Seat& seat, const ChildEnd& end) {
    LastState was{.at_work = !seat.jobs.empty(),
                  .starting = seat.state == WorkerState::Starting,
                  .closing = seat.state == WorkerState::Closing,
                  .clean = seat.closed && end.kind == ChildEnd::Kind::Exited && end.code == 0};
    was.owes_last = was.at_work && seat.jobs.front().call == Call::Finish && !seat.cut_off;
    was.owes_close = was.closing && seat.has_opened && !seat.closed && !seat.cut_off;
    return was;
  }
};

/// How a worker process ended.
struct Crew::Death {
  std::string text;
  std::string call = {};             // the call that the worker did not answer, for the log
  std::string stacks = {};           // stack dump of its threads; empty unless the worker was too slow
  std::vector<AnySample> lost = {};  // the samples of the unanswered call
};

Crew::Crew(core::PipelineCore& core, core::Runner& runner, Embedder& embedder)
    : core_(core),
      runner_(runner),
      node_(process_node(*runner.node())),
      arrivals_(runner.index()),
      embedder_(embedder),
      options_(node_.options()),
      emitter_(runner, options_.ordered, bell_,
               [this](const auto& error, const AnySample& from) { refuse(error, from); }),
      deaths_(options_.max_restarts, options_.restart_window) {}

void Crew::run() {
  node_.attach(bell_);
  const std::stop_callback on_stop(runner_.life().stop_token(), [bell = bell_] { bell->ring(); });
  runner_.inbox().set_ready_hook([bell = bell_] { bell->ring_for_sample(); });
  oom_kills_ = oom_kills();
  try {
    open();
  } catch (const std::exception& error) {
    fail_all(error.what());
  }
  opening_ = false;
  const bool goes = runner_.open_step() && !failed_ && runner_.begin_stream();
  if (!goes) begin_end();
  bell_->ring();  // samples may have arrived without a ring while the workers were opening
  while (!all_ended()) step();
  runner_.inbox().set_ready_hook({});
  emitter_.finish();
  seats_.clear();
  core_.budget()->extend(-extended_by_);
  node_.attach(nullptr);
  runner_.close_step();
}

// Starts all workers in parallel. The node is open when each worker has opened.
void Crew::open() {
  if (core_.clock() != Clock::real()) throw Error("worker processes need the real clock");
  payload_ = make_message_file(node_.recipe().payload);
  extended_by_ = (2 * options_.workers - 1) * static_cast<int>(most_given());
  core_.budget()->extend(extended_by_);
  for (int i = 0; i < options_.workers; ++i) {
    seats_.push_back(std::make_unique<Seat>(static_cast<std::size_t>(i), node_.recipe(), options_));
  }
  for (auto& seat : seats_) {
    if (runner_.life().stop_token().stop_requested()) return;
    start(*seat);
  }
  while (opened_ < seats_.size() && !failed_ && !runner_.life().stop_token().stop_requested()) step();
}

bool Crew::all_ended() const {
  return std::all_of(seats_.begin(), seats_.end(),
                     [](const auto& seat) { return seat->state == WorkerState::Ended; });
}

void Crew::show(Seat& seat) {
  node_.board().write(seat.number(), seat.stats());
  const bool works = std::any_of(seats_.begin(), seats_.end(), [](const auto& each) {
    return each->state == WorkerState::Working || each->state == WorkerState::Starting ||
           each->state == WorkerState::Resting;
  });
  // A worker that starts, or waits for a restart, counts as busy, so that the node is not reported as stuck.
  if (!opening_) runner_.meter().set_state(works && !ending_ ? NodeState::Working : NodeState::Waiting);
}

// A system error, such as a failed send, fails the node. If another follows, the workers are killed, because
// they may not receive the message that ends them.
void Crew::step() {
  try {
    poll_all();
    const auto time = now();
    if (runner_.life().stop_token().stop_requested() && !stop_seen_) stop_seen_ = time;
    on_tick(time);
    if (!opening_ && !ending_ && !failed_) take_samples();
    if (!opening_ && !ending_ && (failed_ || (input_ended_ && call_finish()))) begin_end();
  } catch (const std::exception& error) {
    if (!failed_) return fail_all(error.what());
    for (auto& seat : seats_) {
      if (seat->child() && !seat->killed_at) seat->kill(now(), error.what());
      // otherwise poll() may keep reporting the channel instead of the process's end
      seat->stream_ended = true;
    }
  }
}

void Crew::poll_all() {
  // Only open descriptors, because poll() rejects more entries than RLIMIT_NOFILE.
  std::vector<pollfd> watched{{bell_->descriptor(), POLLIN, 0}};
  // For each entry of `watched`, the seat that it belongs to; null for the bell.
  std::vector<Seat*> seats{nullptr};
  const auto watch = [&](int descriptor, Seat* seat) {
    watched.push_back({descriptor, POLLIN, 0});
    seats.push_back(seat);
  };
  for (auto& seat : seats_) {
    const auto* channel = seat->channel();
    if (channel != nullptr && !seat->stream_ended) watch(channel->descriptor(), seat.get());
    if (seat->child()) watch(seat->child().descriptor(), seat.get());
  }
  const auto left = next_time(now()) - now();
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  const int got = ::poll(watched.data(), watched.size(),
                         static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, 60'000)));
  if (got <= 0) return;
  if (watched[0].revents != 0) bell_->hush();
  for (std::size_t i = 1; i < watched.size(); ++i) {
    if (watched[i].revents == 0) continue;
    auto& seat = *seats[i];
    if (watched[i].fd != seat.child().descriptor()) {
      read(seat);
    } else if (const auto end = seat.reap()) {
      bury(seat, *end);
    }
  }
}

TimePoint Crew::next_time(TimePoint time) const {
  auto next = time + kTidyTime;
  const auto earlier = [&](std::optional<TimePoint> other) {
    if (other) next = std::min(next, *other);
  };
  for (const auto& seat : seats_) {
    earlier(seat->kill_at);
    if (seat->dump_until) next = std::min(next, time + std::chrono::milliseconds(5));
    if (seat->state == WorkerState::Resting) earlier(seat->start_at);
    if (seat->killed_at) earlier(*seat->killed_at + kKillTime);
    if (!seat->dump_until) earlier(late_at(*seat, options_.timeout));
  }
  if (gather_until_ && armed_) earlier(gather_until_);
  if (armed_) earlier(runner_.intake().next_wake());
  if (stop_seen_) {
    const auto deadline = node_.kill_by().value_or(*stop_seen_ + kStopTime);
    if (deadline > time) earlier(deadline);
  }
  return next;
}

void Crew::tend(Seat& seat, TimePoint time, bool stop_is_over) {
  if (seat.state == WorkerState::Resting && !opening_ && time >= seat.start_at) {
    start(seat);
  } else if (seat.killed_at && time - *seat.killed_at >= kKillTime) {
    log(LogLevel::Error, "worker " + std::to_string(seat.child().pid()) + " of '" + runner_.name() +
                             "' was killed but has not exited after " +
                             core::seconds_text(Seconds(kKillTime).count()) + "; it waits in " +
                             seat.child().waits_in() + ", so it is abandoned");
    seat.abandon();
    bury(seat, {});
  } else if (seat.child() && !seat.killed_at && stop_is_over) {
    seat.cut_off = true;
    seat.kill(time, "it did not stop in time");
  } else if (seat.kill_at && time >= *seat.kill_at) {
    seat.kill(time, seat.closed ? "it did not exit after its close()" : "it closed its socket");
  } else if (seat.dump_until) {
    const auto text = seat.dump();
    // The dump is complete if it has not grown since the last check.
    const bool whole = !text.empty() && text == seat.last_dump;
    seat.last_dump = text;
    if (whole || time >= *seat.dump_until) {
      seat.kill(time, seat.too_late);
    }
  } else if (const auto late = late_at(seat, options_.timeout); late && time >= *late) {
    seat.ask_for_dump(time, too_long_text(seat, *options_.timeout));
  }
}

void Crew::on_tick(TimePoint time) {
  const bool stop_is_over = stop_seen_ && time >= node_.kill_by().value_or(*stop_seen_ + kStopTime);
  for (auto& each : seats_) tend(*each, time, stop_is_over);
  if (time - tidied_ < kTidyTime) return;
  tidied_ = time;
  SlabPool::get_shared().trim(time - to_duration(SlabPool::kKeepEmpty));
  for (auto& seat : seats_) {
    if (seat->state != WorkerState::Idle) continue;
    (void)seat->announce_gone_sources();  // sends the rest next time, if the socket is full
    seat->announce_gone(SlabPool::get_shared());
  }
}

// Idle workers close now, busy ones when they have finished.
void Crew::begin_end() {
  ending_ = true;
  bell_->want_samples(false);
  for (auto& seat : seats_) {
    if (seat->state == WorkerState::Idle || seat->state == WorkerState::Starting) seat->let_close(now());
    if (seat->state == WorkerState::Resting) seat->state = WorkerState::Ended;
    show(*seat);
  }
}

// ---- life of workers

void Crew::start(Seat& seat) {
  try {
    seat.start(payload_.get(), runner_.name());
  } catch (const Error& error) {
    seat.clear();
    if (opening_) throw;
    count_death(seat, {.text = std::string("could not start: ") + error.what()});
  }
  show(seat);
}

// Called when the process has ended. Its last messages are still processed, unless it was killed for an
// invalid one.
void Crew::bury(Seat& seat, const ChildEnd& end) {
  if (!seat.killed_at) read(seat);
  Death death{.text = describe_end(seat, end, oom_kills_), .stacks = seat.last_dump};
  oom_kills_ = oom_kills();
  const auto was = LastState::read_seat(seat, end);
  if (was.at_work) {
    death.call = call_text(seat.jobs, runner_, *core_.names());
    death.lost = drop_jobs(seat, stop_seen_ ? NodeDropCause::Stop : NodeDropCause::Worker);
  }
  seat.clear();
  if (was.closing || ending_ || stop_seen_ || failed_ || was.owes_last) {
    seat.state = WorkerState::Ended;
    count_and_report_end(was, death);
  } else if (opening_) {
    seat.state = WorkerState::Ended;
    const auto limit = options_.max_bytes
                           ? "; its max_bytes= is " + core::mebibytes_rounded_down(*options_.max_bytes)
                           : std::string();
    fail_all("its worker " + death.text + (was.starting ? " while it was starting" : "") + limit);
  } else {
    count_death(seat, death);
  }
  show(seat);
}

void Crew::count_and_report_end(const LastState& was, const Death& death) {
  const bool was_last_death = was.at_work && !stop_seen_ && !deaths_.count(now());
  if (failed_ || was.clean) return;  // the failure was already reported, or the worker exited cleanly
  // No other worker has this worker's state, and close() might have written results. So a death in finish()
  // or close() counts as an exception.
  if (was.owes_last || was.owes_close || was_last_death) {
    const auto* const where = was.owes_close ? " in its close()" : "";
    fail_all(core::with_traceback("its worker " + death.text + where, death.stacks), death.lost);
  } else {
    log(LogLevel::Warning, "a worker of '" + runner_.name() + "' " + death.text + death.call);
  }
}

void Crew::count_death(Seat& seat, const Death& death) {
  const auto time = now();
  const bool goes_on = deaths_.count(time);
  if (!goes_on) {
    seat.state = WorkerState::Ended;
    const auto times = deaths_.in_window();
    auto text = "its worker " + death.text;
    if (times > 1) {
      text +=
          ", " + std::to_string(times) + " times in " + core::seconds_text(options_.restart_window.count());
    }
    fail_all(core::with_traceback(std::move(text), death.stacks), death.lost);
    return;
  }
  const auto delay = seat.back_off.next();
  seat.state = WorkerState::Resting;
  seat.start_at = time + delay;
  // An exception of open() may contain the URL of its camera with a password.
  const auto whole = core::mask_passwords("worker of '" + runner_.name() + "' " + death.text + death.call);
  const auto trace = core::mask_passwords(death.stacks);
  core_.errors().add({.node = runner_.name(), .text = whole, .traceback = trace, .counted = false});
  log(LogLevel::Warning,
      core::with_traceback(
          whole + "; another one will start in " + core::seconds_text(Seconds(delay).count()), trace));
}

void Crew::fail_all(const std::string& text, std::span<const AnySample> lost) {
  failed_ = true;
  core::FailedOn where{.samples = lost, .is_final = true};
  where.batch = runner_.facts().batch.has_value() && !where.is_own(runner_.index());
  runner_.fail({std::make_exception_ptr(Error(text)), text}, where);
}

}  // namespace freshframe::process
