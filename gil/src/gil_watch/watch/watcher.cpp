// Detects stalls from observations of the GIL.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/watcher.hpp"

#include <algorithm>
#include <csignal>
#include <exception>
#include <utility>

#include "gil_watch/stacks/task_state.hpp"
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace freshframe::gil {

namespace {

// Version 0 of the kernel's struct sched_attr, which glibc declares only from 2.41 on.
struct Attributes {
  std::uint32_t size = 48;
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // the time slice for SCHED_OTHER
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};
static_assert(sizeof(Attributes) == 48);

/// This thread runs for microseconds at a time. With a short slice, Linux 6.12 and newer schedule it before
/// threads with long slices, without privileges or a larger share. Older kernels ignore it.
void wake_soon() noexcept {
  Attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // the policy was set by the user
  attributes.runtime_ns = 100'000;               // the kernel's minimum
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

using std::chrono::microseconds;
using std::chrono::milliseconds;

// The share of the threshold for which a holder may be stuck before the probe asks and evidence is gathered:
// late enough to ignore short calls, early enough for a sample, which needs a tick of the kernel's clock (1
// to 10 ms).
constexpr int kAskPercent = 40;
// Interval between the probe's requests while threads take turns, in thresholds.
constexpr int kBeatThresholds = 5;
// This many changes of the holder between two requests mean that threads take turns; the request itself
// causes two.
constexpr unsigned long kBeatSwitches = 6;

// In calls-only mode, the minimum number of observations at one place. A busy machine may not allow more.
constexpr int kFewestLooks = 2;

// Blocks all signals in the current thread for the lifetime of this object.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

Watcher::Watcher(const Target& target, const WatchOptions& options, OnStall on_stall, OnStall on_going)
    : target_(target),
      options_(options),
      on_stall_(std::move(on_stall)),
      on_going_(std::move(on_going)),
      gil_(target),
      threshold_(options.threshold.count()) {}

Watcher::~Watcher() {
  stop();
}

void Watcher::start(CallableNames names, unsigned long ignored_python_id, StackSample called) {
  names_ = std::move(names);
  called_ = std::move(called);
  gil_.ignore(ignored_python_id);
  {
    const NoSignals inherited;  // signals must be delivered to the program's own threads
    thread_ = std::thread([this] { run(); });
  }
  looking_.wait(false);
}

void Watcher::stop() {
  stopping_.store(true);
  if (thread_.joinable()) thread_.join();
  probe_.stop();  // last, so that the probe's thread still reports the last stall
}

void Watcher::abandon() {
  sampler_.abandon();
}

Clock::duration Watcher::patience() const {
  return threshold() * kAskPercent / 100;
}

Clock::duration Watcher::period() const {
  if (options_.period != Clock::duration::zero()) return options_.period;
  return std::clamp<Clock::duration>(threshold() / 5, microseconds(500), milliseconds(5));
}

bool Watcher::settle(Clock::duration timeout) const {
  if (!has_open_stall()) return true;
  constexpr microseconds kStep{200};
  const std::uint64_t before = closed_.load(std::memory_order_acquire);
  const Clock::time_point until = Clock::now() + timeout;
  while (has_open_stall() && closed_.load(std::memory_order_acquire) == before) {
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

Clock::time_point Watcher::blind_until() const {
  const Clock::time_point looked(Clock::duration(looked_at_.load(std::memory_order_relaxed)));
  const Clock::time_point now = Clock::now();
  if (looked != Clock::time_point() && now - looked >= threshold()) return now;
  return Clock::time_point(Clock::duration(blind_until_.load(std::memory_order_relaxed)));
}

void Watcher::name_threads(ThreadNames names) {
  const std::lock_guard lock(names_mutex_);
  constexpr std::size_t kMost = 1000;
  if (thread_names_.size() > kMost) thread_names_.clear();
  names.merge(thread_names_);  // keep the names of threads that have ended since
  thread_names_ = std::move(names);
}

void Watcher::add_names(CallableNames names) {
  if (names.empty()) return;
  const std::lock_guard lock(names_mutex_);
  added_names_.merge(names);
}

void Watcher::run() {
  pthread_setname_np(pthread_self(), "ff gil watch");
  wake_soon();
  if (options_.timer_only) sampler_.use_timer();
  stacks_ = std::make_unique<CallStacks>();
  // Also loads the interpreter's unwind tables now, instead of during the first stall.
  stacks_->learn_loop(called_);
  called_ = {};
  looking_.store(true);
  looking_.notify_all();
  while (!stopping_.load(std::memory_order_relaxed)) {
    look_or_lose();
    // While a name is missing, observe more often, to find it before the call ends.
    const bool unnamed = open_ && std::ranges::any_of(open_->suspects, &Suspect::is_unnamed);
    std::this_thread::sleep_for(unnamed ? period() / 4 : period());
  }
  // After a stall, the probe reports its duration within moments.
  constexpr int kLastLooks = 10;
  for (int i = 0; i < kLastLooks && open_; ++i) {
    look_or_lose();
    std::this_thread::sleep_for(period() / 2);
  }
  if (open_) close_or_lose();
  sampler_.release();
  stacks_.reset();
}

// If memory for a stall cannot be allocated, the stall is dropped and counted, and the program continues. So
// an empty list does not prove that there was no stall, but the count of lost ones does.
void Watcher::look_or_lose() {
  try {
    look();
  } catch (const std::exception&) {
    lose();
  }
}

void Watcher::close_or_lose() {
  try {
    close(Clock::now());
  } catch (const std::exception&) {
    lose();
  }
}

void Watcher::lose() {
  sampler_.disarm();
  open_.reset();
  has_open_.store(false, std::memory_order_release);
  lost_.fetch_add(1, std::memory_order_relaxed);
  blind_until_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}

void Watcher::look() {
  const Clock::time_point now = Clock::now();
  const Clock::duration step = last_look_ == Clock::time_point() ? Clock::duration() : now - last_look_;
  last_look_ = now;
  looked_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  if (step >= threshold()) blind_until_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  if (!gil_.look(now)) return;
  if (options_.calls_only && (open_ || stuck_since() <= now - patience())) gil_.look_closer(now);
  if (open_) {
    follow(now, step);
  } else {
    consider(now);
  }
}

// Since when the current holder has kept the GIL from other threads, or `max` if there is no holder.
Clock::time_point Watcher::stuck_since() const {
  const Turn& turn = gil_.turn();
  if (!turn) return Clock::time_point::max();
  return options_.calls_only || gil_.interval() < threshold() ? turn.still_since : turn.first_seen;
}

void Watcher::consider(Clock::time_point now) {
  const Clock::time_point stuck = stuck_since();
  const Clock::time_point waiting = probe_.waiting_since();
  remember_times();
  const bool others_wait = waiting != Clock::time_point() && now - waiting >= patience();
  if (others_wait && !options_.calls_only) {
    open(std::min(waiting, stuck), now);
  } else if (stuck <= now - patience()) {
    probe_.ask();
    open(stuck, now);
  } else if (now - last_beat_ >= threshold() * kBeatThresholds) {
    if (gil_.switches() - beat_switches_ >= kBeatSwitches) probe_.ask();
    last_beat_ = now;
    beat_switches_ = gil_.switches();
  }
}

// A holder at a new place may be at the beginning of a stall. Its CPU time is read immediately. The other
// time costs more, so it is read only if the holder is still there at the next observation.
void Watcher::remember_times() {
  const Turn& turn = gil_.turn();
  if (!turn) return;
  const pid_t holder = turn.holder.native_id;
  if (quiet_.holder != holder || quiet_.since != turn.still_since) {
    quiet_ = {.holder = holder,
              .since = turn.still_since,
              .times = {.computed = computed_time(holder), .queued = {}},
              .complete = false};
  } else if (!quiet_.complete) {
    quiet_.times.queued = task_times(holder).queued;
    quiet_.complete = true;
  }
}

void Watcher::open(Clock::time_point began, Clock::time_point now) {
  has_open_.store(true, std::memory_order_release);
  open_ = Open{.began = began, .number = gil_.turn().number, .suspects = {}, .told = {}};
  follow(now, now - began);
}

void Watcher::follow(Clock::time_point now, Clock::duration step) {
  const Clock::time_point taken = probe_.taken_at();
  if (taken >= open_->began) {
    close(taken);
    return;
  }
  const Turn& turn = gil_.turn();
  const bool waiting = probe_.waiting_since() != Clock::time_point();
  const bool over = !turn || turn.number != open_->number || stuck_since() > open_->began;
  if (over && (options_.calls_only || !waiting)) {
    close(now);
    return;
  }
  if (!turn) return;
  suspect_of(turn.holder).gather(now, step, gil_, sampler_);
  tell_going(now);
}

// Finding a name costs about as much as an observation, so it is not done at each one, nor for a short stall.
void Watcher::tell_going(Clock::time_point now) {
  constexpr milliseconds kLong{100};
  constexpr milliseconds kAgain{200};
  const Clock::duration duration = now - open_->began;
  if (!on_going_ || duration < std::max<Clock::duration>(kLong, threshold())) return;
  if (now - open_->told < kAgain) return;
  open_->told = now;
  const auto worst = std::ranges::max_element(open_->suspects, {}, &Suspect::had);
  if (worst->had() < duration / 2) return;
  Stall stall = describe(*worst, open_->began, duration);
  if (stall.duration >= threshold()) on_going_(std::move(stall));
}

Suspect& Watcher::suspect_of(const Holder& holder) {
  auto& suspects = open_->suspects;
  const auto known =
      std::ranges::find(suspects, holder.native_id, [](const Suspect& s) { return s.holder().native_id; });
  if (known != suspects.end()) return *known;
  const bool quiet =
      quiet_.complete && quiet_.holder == holder.native_id && quiet_.since == gil_.turn().still_since;
  return suspects.emplace_back(holder, quiet ? quiet_.times : task_times(holder.native_id));
}

void Watcher::close(Clock::time_point end) {
  Open stall = std::move(*open_);
  open_.reset();
  for (Suspect& suspect : stall.suspects) suspect.end(sampler_);
  sampler_.disarm();
  last_beat_ = end;
  report(stall.suspects, stall.began, end);
  closed_.fetch_add(1, std::memory_order_release);
  has_open_.store(false, std::memory_order_release);
}

void Watcher::report(std::vector<Suspect>& suspects, Clock::time_point began, Clock::time_point end) {
  const Clock::duration duration = end - began;
  if (duration < threshold() || suspects.empty()) return;
  const auto worst = std::ranges::max_element(suspects, {}, &Suspect::had);
  Clock::duration had{};
  for (const Suspect& suspect : suspects) had += suspect.had();
  // If the GIL was free most of the time, the probe waited for a CPU and not for the GIL.
  if (had < duration / 2) return;
  // If the holder waited for a CPU, other programs are to blame.
  if (own_time(*worst, duration) < threshold()) return;
  if (options_.calls_only && worst->runs_bytecode()) return;
  if (options_.calls_only && !worst->place().blocked() && worst->still_looks() < kFewestLooks) {
    blind_until_.store(end.time_since_epoch().count(), std::memory_order_relaxed);
    return;
  }
  if (options_.calls_only && !worst->place().blocked()) {
    const auto of = activity_of(*worst);
    if (of == Activity::Unknown)
      blind_until_.store(end.time_since_epoch().count(), std::memory_order_relaxed);
    if (of != Activity::Call) return;
  }
  on_stall_(describe(*worst, began, duration));
}

// Judges a thread that was running and whose bytecode was not seen to move. A stack that ends in the
// interpreter's loop means bytecode, see Note [Instructions that are not recorded]. A single stack that does
// not may belong to a short call in a loop, so several are needed, unless the thread was certainly seen
// running at one place. A garbage collection is known without a stack.
Watcher::Activity Watcher::activity_of(const Suspect& suspect) {
  if (suspect.place().collects()) return Activity::Call;
  const auto samples = suspect.place().samples();
  const auto in_loop = [this](const StackSample* sample) {
    const auto frames = stacks_->unwind(*sample);
    return !frames.empty() && frames.front().loop;
  };
  if (std::ranges::any_of(samples, in_loop)) return Activity::Bytecode;
  const auto needed = suspect.certain_looks() > 0 ? 1 : kFewestLooks;
  return std::ssize(samples) >= needed ? Activity::Call : Activity::Unknown;
}

// The duration without waits for a CPU. For a running thread, all time other than its CPU time counts as such
// waits, because the kernel does not include one that is still in progress.
Clock::duration Watcher::own_time(const Suspect& suspect, Clock::duration duration) const {
  if (options_.calls_only && !suspect.place().blocked()) return suspect.computed(duration);
  return duration - suspect.delayed(duration);
}

Stall Watcher::describe(const Suspect& suspect, Clock::time_point began, Clock::duration duration) {
  const Place& place = suspect.place();
  Stall stall;
  stall.began = began;
  stall.delayed = suspect.delayed(duration);
  stall.duration = duration - stall.delayed;
  stall.computed = suspect.computed(duration);
  // The suspect's waits for a CPU are assumed to be spread evenly over the time in which it held the GIL.
  const double part = std::min(1.0, std::chrono::duration<double>(suspect.had()) / duration);
  stall.share = std::chrono::duration_cast<Clock::duration>(part * stall.duration);
  stall.python_id = suspect.holder().python_id;
  stall.native_id = suspect.holder().native_id;
  stall.thread = thread_name(suspect);
  stall.blocked = place.blocked();
  if (stall.blocked) stall.system_call = system_call_name(place.where.system_call);
  stall.python_frames = suspect.python();
  if (suspect.runs_bytecode() || (!stall.blocked && activity_of(suspect) == Activity::Bytecode)) {
    stall.kind = StallKind::Bytecode;
  } else {
    name(stall, place);
  }
  return stall;
}

// A collection is the culprit only if all observations or all samples are in one, because a call that creates
// many objects also triggers some. The collector's report needs no samples or symbols, but a program may have
// cleared gc.callbacks.
void Watcher::name(Stall& stall, const Place& place) {
  {
    const std::lock_guard lock(names_mutex_);
    if (!added_names_.empty()) implementations_ = {};
    names_.merge(added_names_);
    added_names_.clear();
  }
  const bool told = place.collects();
  if (told) stall.kind = StallKind::Collector;
  std::string collection;
  for (const StackSample* sample : place.samples()) {
    std::vector<NativeFrame> frames = stacks_->unwind(*sample);
    if (told) implementations_.learn(frames, names_);
    std::string found = collection_name(frames, names_);
    const bool collects = told || !found.empty();
    if (stall.native_frames.empty() || !collects) stall.native_frames = std::move(frames);
    if (collection.empty()) collection = std::move(found);
    stall.kind = collects ? StallKind::Collector : StallKind::Call;
    if (!collects) break;
  }
  if (stall.kind == StallKind::Collector) {
    stall.native = collection.empty() ? kCollection : collection;
  } else {
    stall.native = name_culprit(stall.native_frames, names_);
    if (stall.native != kInterpreter && stall.native.find(":0x") == std::string::npos) return;
    implementations_.learn(stall.native_frames, names_);
    stall.native = name_culprit(stall.native_frames, names_);
  }
}

std::string Watcher::thread_name(const Suspect& suspect) {
  const std::lock_guard lock(names_mutex_);
  const auto named = thread_names_.find(suspect.holder().native_id);
  return named != thread_names_.end() ? named->second : suspect.kernel_name();
}

}  // namespace freshframe::gil
