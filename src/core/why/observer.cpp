// The thread that looks at a pipeline's records, and the answer of why() with its sentences.
// SPDX-License-Identifier: Apache-2.0
#include "core/why/observer.hpp"

#include "freshframe/error.hpp"
#include "freshframe/why.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline/onlookers.hpp"
#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/why/age_parts.hpp"
#include "core/why/figures.hpp"
#include "core/why/rules.hpp"
#include "core/why/what_if/recording.hpp"
#include <pthread.h>
#include <time.h>

namespace freshframe::core {
namespace {

using std::chrono::duration;

constexpr std::chrono::milliseconds kPeriod{250};  // between two looks
constexpr std::chrono::seconds kForgotten{2};      // without a look: the watch has ended
constexpr Seconds kRecent{10};                     // of which the ages are

std::map<std::int64_t, double> edge_ages(const PipelineCore& core) {
  std::map<std::int64_t, double> out;
  for (const auto& edge : stats_of(core).edges) out[edge.number] = edge.age_p50;
  return out;
}

double own_processor_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

Predictions::Answer predicted(const PipelineCore& core, const Question& question,
                              const std::stop_token& stop) {
  const double began = own_processor_time();
  Predictions::Answer answer;
  try {
    answer.effect = effect_of(what_if(recording_of(core), question.node, question.change, stop));
  } catch (const Error&) {  // a reader, or a node that has gone meanwhile: there is nothing to say of it
    answer.effect.reset();
  }
  answer.cost = own_processor_time() - began;
  return answer;
}

}  // namespace

Observer::Observer(const PipelineCore& core)
    : core_(core),
      predictions_([&core](const Question& question, const std::stop_token& stop) {
        return predicted(core, question, stop);
      }),
      findings_(
          {.ages = [&core] { return ages_of(core, kRecent); },
           .run_queue = [&core] { return run_queue_of(core); },
           .edge_ages = [&core] { return edge_ages(core); },
           .paces = [&core] { return paces_of(core, kRecent); },
           .effect = [this](const Question& change, Time now) { return predictions_.effect(change, now); }}) {
}

Observer::~Observer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Observer::note(const GraphState& seen, Time now) {
  findings_.follow(seen, now);
  looked_ = now;
  if (seen.phase != LifePhase::Running) {
    since_.reset();
  } else if (!since_) {
    since_ = now;
  }
}

void Observer::follow(const GraphState& seen) {
  const std::lock_guard lock(mutex_);
  note(seen, std::chrono::steady_clock::now());
}

bool Observer::is_watched(Time now) const {
  return running_ || (looked_ && now - *looked_ < kForgotten);
}

std::vector<Finding> Observer::findings() const {
  const std::lock_guard lock(mutex_);
  return findings_.present();
}

// The thread ends by itself soon after the pipeline.
void Observer::run() {
  pthread_setname_np(pthread_self(), "ff why");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto seen = graph_state(core_, false);
    lock.lock();
    note(seen, std::chrono::steady_clock::now());
    if (seen.phase != LifePhase::Running) break;
    changed_.wait_for(lock, kPeriod, [&] { return stopping_; });
  }
  running_ = false;
}

Why Observer::why() {
  Why answer;
  answer.ages = ages_of(core_, kRecent);
  const bool runs = graph_state(core_, false).phase == LifePhase::Running;
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (runs && !is_watched(now) && !stopping_) {
    if (thread_.joinable()) thread_.join();  // it has ended: it sets running_ last
    findings_ = Findings(findings_.witness());
    since_ = now;
    running_ = true;
    thread_ = std::thread([this] { run(); });
  }
  answer.findings = findings_.present();
  answer.runs = runs;
  if (since_) answer.watched = duration<double>(now - *since_).count();
  const auto earliest = findings_.earliest();
  const auto needed = earliest ? duration<double>(*earliest - now) : duration<double>(Findings::kUntilFirst);
  if (runs) answer.needed = std::max(0.0, needed.count());
  if (runs) answer.unsettled = findings_.unsettled(now);
  return answer;
}

Observer& observer_of(PipelineCore& core) {
  const auto make = [](const PipelineCore& of) -> std::shared_ptr<void> {
    return std::make_shared<Observer>(of);
  };
  return *static_cast<Observer*>(core.attachment(make).get());
}

}  // namespace freshframe::core

freshframe::Why freshframe::why(const Pipeline& pipeline) {
  return core::observer_of(*core::PipelineAccess::core(pipeline)).why();
}

namespace freshframe::core {
namespace {

struct Rings {
  Stops stops;
  std::map<const Inbox*, int> numbers;
  std::vector<std::shared_ptr<Runner>> runners;
  std::vector<std::shared_ptr<ReaderCore>> readers;

  void add(std::shared_ptr<Runner> runner) {
    Stop stop;
    stop.name = runner->name();
    stop.is_source = runner->is_source();
    stop.is_end = !stop.is_source && runner->outlet().outputs().newest()->edges.empty();
    stop.has_workers = !runner->node()->workers().empty();
    stop.gathers = runner->facts().batch.has_value();
    stop.joins = runner->inbox().joins();
    numbers[&runner->inbox()] = runner->index();
    stops.emplace(runner->index(), std::move(stop));
    runners.push_back(std::move(runner));
  }

  void add(const std::shared_ptr<ReaderCore>& reader) {
    readers.push_back(reader);
    const int number = -static_cast<int>(readers.size());
    numbers[&reader->inbox()] = number;
    stops.emplace(
        number,
        Stop{.name = reader->name(), .is_reader = true, .is_end = true, .joins = reader->inbox().joins()});
  }

  // A node puts a sample on its edges in turn, and waits where one blocks.
  void find_blocking_edges() {
    for (const auto& runner : runners) {
      bool blocks = false;
      const auto outputs = runner->outlet().outputs().newest();  // kept while the loop reads it
      for (const auto& output : outputs->edges) {
        blocks = blocks || output.edge->options.queue.blocks();
        const auto child = numbers.find(output.inbox.get());
        if (blocks && child != numbers.end()) stops.at(child->second).after_room.insert(runner->index());
      }
    }
  }

  void copy_calls(TimePoint since) {
    for (const auto& runner : runners) stops.at(runner->index()).calls = runner->meter().calls().calls(since);
    for (std::size_t i = 0; i < readers.size(); ++i)
      stops.at(-static_cast<int>(i) - 1).calls = readers[i]->calls().calls(since);
  }
};

Pace pace_of(const std::vector<Call>& calls) {
  Pace pace{.samples = calls.size()};
  if (calls.size() < 2) return pace;
  std::vector<double> intervals;
  for (std::size_t i = 1; i < calls.size(); ++i)
    intervals.push_back(Seconds(calls[i].done - calls[i - 1].done).count());
  pace.mean = Seconds(calls.back().done - calls.front().done).count() / static_cast<double>(intervals.size());
  const auto middle = intervals.begin() + static_cast<std::ptrdiff_t>(intervals.size() / 2);
  std::ranges::nth_element(intervals, middle);
  pace.median = *middle;
  return pace;
}

}  // namespace

std::map<std::string, Pace> paces_of(const PipelineCore& core, Seconds latest) {
  const auto since = core.clock()->now() - to_duration(latest);
  std::map<std::string, Pace> out;
  for (const auto& runner : core.runners()) {
    if (runner->is_source()) out[runner->name()] = pace_of(runner->meter().calls().calls(since));
  }
  return out;
}

RunQueue run_queue_of(const PipelineCore& core) {
  std::vector<int> processes;
  std::map<int, int> threads;
  for (const auto& runner : core.runners()) {
    threads[runner->index()] = runner->life().thread_id();
    for (const auto& worker : runner->node()->workers()) processes.push_back(worker.pid);
  }
  auto out = read_run_queue(processes);
  out.node_threads = std::move(threads);
  return out;
}

// Most of a ring is older than anything on the way of the latest samples: it is only read if the way of one is unknown
// without it.
std::vector<Age> ages_of(const PipelineCore& core, Seconds latest) {
  constexpr Seconds kUsualWay{10};
  Rings rings;
  {
    const auto& guarded = core.guarded();
    const Lock building(guarded.building);
    for (auto& runner : guarded.graph.runners()) rings.add(std::move(runner));
    for (const auto& entry : guarded.graph.readers().all()) rings.add(entry.reader);
  }
  rings.find_blocking_edges();
  std::vector<Age> out;
  for (const auto since : {core.clock()->now() - to_duration(latest + kUsualWay), TimePoint::min()}) {
    rings.copy_calls(since);
    const auto now = core.clock()->now();
    out = ages_of(rings.stops, now - to_duration(latest), now);
    if (std::ranges::none_of(out, [](const auto& age) { return age.unknown > 0; })) break;
  }
  return out;
}

}  // namespace freshframe::core

namespace freshframe {
namespace core {
namespace {

constexpr std::size_t kWidth = 8;     // of a time in front of its part
constexpr double kWorthALine = 0.01;  // of the age; smaller parts are summed up

// What a sample did in that time. The node is in the place of the '*'.
std::string doing(const Age& age, const AgePart& part) {
  constexpr std::array<std::string_view, 10> kTexts = {
      "from its capture until * gives it",
      "* waits for room at its children",
      "in the queue before *",
      "until a worker of * is free",
      "until the batch of * is full, or its time is over",
      "until its set is there, before *",
      "* waits for the GIL",
      "in *, before its call begins",
      "in the call of *",
      "until earlier results of * have left",
  };
  std::string text(kTexts[static_cast<std::size_t>(part.kind)]);
  if (part.kind == AgeKind::Queue && age.is_reader && part.node == age.consumer) text = "until * takes it";
  return text.replace(text.find('*'), 1, part.node);
}

std::string line_of(double time, std::string_view what) {
  auto text = time_text(time);
  if (text.size() < kWidth) text.insert(0, kWidth - text.size(), ' ');
  return text + "  " + std::string(what) + "\n";
}

std::string age_text(const Age& age) {
  const auto latest = "the last " + fixed_text(age.seconds) + " s";
  if (age.samples == 0) {
    if (age.unknown == 0) return age.consumer + ": no sample in " + latest + ".\n";
    return age.consumer + ": the way of its samples in " + latest +
           " is not known: " + std::to_string(age.unknown) +
           " began in a node, or came a longer way than is kept.\n";
  }
  std::string text = age.consumer + ": samples are " + time_text(age.mean) + " old on average (" + latest +
                     ", " + std::to_string(age.samples) + " of them; the oldest twentieth " +
                     time_text(age.oldest) + ").\n";
  double rest = 0;
  for (const auto& part : age.parts) {
    if (std::abs(part.mean) < kWorthALine * age.mean) {
      rest += part.mean;
    } else {
      text += line_of(part.mean, doing(age, part));
    }
  }
  constexpr double kSomething = 50e-6;  // seconds
  if (rest >= kSomething) text += line_of(rest, "in all other steps");
  return text;
}

std::string waiting_text(const Why& why) {
  if (!why.runs) return "The pipeline does not run: there are findings only while it does.\n";
  if (why.needed <= 0 && why.unsettled.empty()) return "Nothing is wrong.\n";
  if (why.needed <= 0)
    return "No finding. What is below " + listed(why.unsettled) +
           " alone is not judged yet: there was an outage or a change of the graph within the last 10 s.\n";
  return "No finding yet: causes are looked for since " + fixed_text(why.watched) +
         " s, and the first is proven in " + fixed_text(std::ceil(why.needed)) + " s at the earliest.\n";
}

}  // namespace
}  // namespace core

std::string to_string(const Finding& finding) {
  std::string text = finding.subject + ": " + finding.text;
  if (!finding.remedy.empty()) text += " " + finding.remedy;
  return text;
}

std::string to_string(const Why& why) {
  std::string text;
  for (const auto& finding : why.findings) text += to_string(finding) + "\n";
  if (why.findings.empty()) text += core::waiting_text(why);
  for (const auto& age : why.ages) text += core::age_text(age);
  return text;
}

}  // namespace freshframe
