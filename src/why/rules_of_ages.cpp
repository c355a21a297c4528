// Rules that need the parts of ages: batches, CPUs, bursts.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "why/figures.hpp"
#include "why/rules.hpp"

namespace freshframe::core {
namespace {

constexpr double kBatchWait = 1.5;     // report a wait for a batch that takes this many times the call
constexpr double kBatchBusy = 0.8;     // a busier node has small batches because it is slow
constexpr double kFullBatches = 0.05;  // more than this share of full batches is not reported
constexpr double kProcessors = 1.0;    // report if this many threads on average wait for a CPU
constexpr double kBurst = 5;           // report a source whose mean interval is this many times its median
constexpr double kLostInBursts = 0.5;  // report if this share of the samples is lost because of bursts
constexpr double kIdleChild = 0.5;     // a child that is busy for at most this share could take more
constexpr double kShortestGather = 0.05;

bool is_proven(const Age* age) {
  return age != nullptr && age->samples >= kFewestSamples;
}

double count_batches(const NodeStats& node, int at_least) {
  std::uint64_t count = 0;
  for (const auto& [size, calls] : node.batches) count += size >= at_least ? calls : 0;
  return static_cast<double>(count);
}

int largest_batch(const NodeStats& now, const NodeStats& before) {
  int largest = 0;
  for (const auto& [size, calls] : now.batches) {
    const auto found = before.batches.find(size);
    if (calls > (found != before.batches.end() ? found->second : 0)) largest = size;
  }
  return largest;
}

}  // namespace

std::size_t find_index(const Scene& scene, const std::string& node) {
  const auto& nodes = scene.seen.stats.nodes;
  return static_cast<std::size_t>(std::ranges::find(nodes, node, &NodeStats::name) - nodes.begin());
}

std::vector<std::string> list_nodes(const Age& age) {
  auto out = age.sources;
  for (const auto& part : age.parts) {
    if (std::ranges::find(out, part.node) == out.end()) out.push_back(part.node);
  }
  return out;
}

std::string edge_name(const EdgeStats& edge) {
  return edge.parent + "->" + edge.child;
}

double sum_part(const Age& age, AgeKind kind, std::string_view node) {
  double sum = 0;
  for (const auto& part : age.parts) {
    if (part.kind == kind && (node.empty() || part.node == node)) sum += part.mean;
  }
  return sum;
}

AgeShare largest_share(const Scene& scene, std::string_view node, const std::vector<AgeKind>& kinds) {
  AgeShare out;
  double share = 0;
  for (const auto& age : scene.ages) {
    double time = 0;
    for (const auto kind : kinds) time += sum_part(age, kind, node);
    if (age.mean <= 0 || time / age.mean <= share) continue;
    share = time / age.mean;
    out = {time, &age};
  }
  return out;
}

namespace {

// A node whose batches are hardly ever full although it has time.
struct EmptyBatches {
  const NodeStats& node;
  int size = 0;
  int largest = 0;
  double calls = 0;
  double full = 0;

  [[nodiscard]] std::string text() const {
    return "waits for batches of " + std::to_string(size) +
           (full > 0 ? std::string(" that hardly ever fill")
                     : " that never fill, " + std::to_string(largest) + " at most") +
           ": ";
  }
  [[nodiscard]] int half() const { return std::max(1, largest / 2); }
  [[nodiscard]] std::string smaller() const { return "Batch(" + std::to_string(half()) + ")"; }
  [[nodiscard]] Finding finding(std::string effect, std::string remedy) const {
    return {.kind = "batch",
            .subject = node.name,
            .text = text() + std::move(effect),
            .remedy = std::move(remedy),
            .evidence = {{"size", static_cast<double>(size)}, {"largest", static_cast<double>(largest)}}};
  }
};

std::optional<EmptyBatches> empty_batches(const Scene& scene, std::size_t i) {
  const auto& stats = scene.seen.stats;
  const auto& before = scene.window.before.nodes[i];
  EmptyBatches out{.node = stats.nodes[i], .size = scene.seen.nodes[i].batch};
  if (out.size < 2) return std::nullopt;
  out.calls = count_batches(out.node, 1) - count_batches(before, 1);
  out.full = count_batches(out.node, out.size) - count_batches(before, out.size);
  if (out.calls == 0 || out.full > kFullBatches * out.calls) return std::nullopt;
  if (busy_share(out.node, stats.elapsed, before, scene.window.before.elapsed) >= kBatchBusy)
    return std::nullopt;
  out.largest = largest_batch(out.node, before);
  return out;
}

std::size_t sources_through(const Scene& scene, const std::string& node) {
  std::size_t most = 1;
  for (const auto& age : scene.ages) {
    const auto nodes = list_nodes(age);
    if (std::ranges::find(nodes, node) != nodes.end()) most = std::max(most, age.sources.size());
  }
  return most;
}

bool has_time(const Scene& scene, const std::string& child) {
  const auto& stats = scene.seen.stats;
  const auto index = find_index(scene, child);
  return index == stats.nodes.size() ||  // a reader
         busy_share(stats.nodes[index], stats.elapsed, scene.window.before.nodes[index],
                    scene.window.before.elapsed) <= kIdleChild;
}

struct LostShare {
  double share = 0;
  std::string child = {};
};

// The results of one call are sent at the same time. A child that takes at least one per source after each
// call keeps up with the node, so what it loses is lost because of the batch.
LostShare lost_at_once(const Scene& scene, const EmptyBatches& batches) {
  constexpr double kNearly = 0.9;  // the results of the latest call may not have been taken yet
  const double least =
      kNearly * batches.calls * static_cast<double>(sources_through(scene, batches.node.name));
  LostShare worst;
  for (std::size_t i = 0; i < scene.seen.stats.edges.size(); ++i) {
    const auto& edge = scene.seen.stats.edges[i];
    const auto& before = scene.window.before.edges[i];
    if (edge.parent != batches.node.name || !has_time(scene, edge.child)) continue;
    const auto passed = grown(edge.passed_in, before.passed_in);
    if (passed < kFewestSamples || static_cast<double>(grown(edge.delivered, before.delivered)) < least)
      continue;
    const double share =
        static_cast<double>(grown(edge, before, DropCause::QueueFull)) / static_cast<double>(passed);
    if (share > worst.share) worst = {share, edge.child};
  }
  return worst;
}

}  // namespace

// Reports nodes whose samples wait for others that do not arrive, or whose results are lost because they are
// sent in bursts.
void find_empty_batches(const Scene& scene, Causes& out) {
  for (std::size_t i = 0; i < scene.seen.stats.nodes.size(); ++i) {
    const auto batches = empty_batches(scene, i);
    if (!batches || scene.quiet.is_quiet(scene.seen.stats.nodes[i].name)) continue;
    const auto& name = batches->node.name;
    const auto bar = [&](double threshold) { return scene.bar(threshold, "batch", name); };
    const auto [wait, age] = largest_share(scene, name, {AgeKind::Batch});
    const double call =
        age == nullptr ? 0 : sum_part(*age, AgeKind::Call, name) + sum_part(*age, AgeKind::Gil, name);
    if (is_proven(age) && wait >= bar(kShortestGather) && wait >= bar(kShareOfAge) * age->mean &&
        wait >= bar(kBatchWait) * call) {
      auto finding = batches->finding(
          "samples wait " + share_text(wait, age->mean) + " of their age for it.",
          "Give it a smaller batch, such as " + batches->smaller() + ", or a shorter max_wait.");
      finding.evidence.insert({{"wait", wait}, {"age", age->mean}, {"call", call}});
      out[{"batch", name}] = {std::move(finding), wait};
      continue;
    }
    const auto lost = lost_at_once(scene, *batches);
    if (lost.share < bar(kLostInBursts)) continue;
    auto finding =
        batches->finding(percent_text(lost.share) + " of its results are lost at " + lost.child +
                             ", where those of a call arrive at the same time.",
                         "Give it a smaller batch, such as " + batches->smaller() + ", or " + lost.child +
                             " a queue such as Queue(" + std::to_string(batches->size) + ").");
    finding.evidence.insert({{"lost_share", lost.share}});
    out[{"batch", name}] = {std::move(finding), 0};
  }
}

void find_full_processors(const Scene& scene, Causes& out) {
  const auto& stats = scene.seen.stats;
  const double all = scene.run_queue.compute_load(scene.window.run_queue) / scene.seconds;
  for (const auto& age : scene.ages) {
    if (!is_proven(&age) || scene.quiet.is_quiet(age.consumer)) continue;
    if (all < scene.bar(kProcessors, "processors", age.consumer)) continue;
    // A sample passes only one of the branches that meet at the reader, so their nodes have at least as many
    // calls as the reader has samples.
    const double samples = age.interval > 0 ? scene.seconds / age.interval : 0;
    double wait = 0;
    for (const auto& name : list_nodes(age)) {
      const auto node = find_index(scene, name);
      if (node == stats.nodes.size()) continue;
      const auto count = grown(stats.nodes[node].processed, scene.window.before.nodes[node].processed);
      if (count == 0) continue;
      const double delay =
          scene.run_queue.compute_node_load(scene.window.run_queue, stats.nodes[node].number);
      wait += delay / std::max(static_cast<double>(count), samples);
    }
    wait = std::min(wait, age.mean);
    if (wait < scene.bar(kShortestPause, "processors", age.consumer)) continue;
    if (wait < scene.bar(kShareOfAge, "processors", age.consumer) * age.mean) continue;
    Finding finding{
        .kind = "processors",
        .subject = age.consumer,
        .text = "the processors are busy: on average " + fixed_text(all, 1) +
                " threads of this program are ready to run but wait for one, and samples wait " +
                share_text(wait, age.mean) + " of their age for it.",
        .remedy = "Run fewer nodes at the same time, or give them max_rate=. More workers make it worse.",
        .evidence = {{"threads", all}, {"wait", wait}, {"age", age.mean}}};
    out[{"processors", age.consumer}] = {std::move(finding), wait};
  }
}

namespace {

// Returns the share of a source's samples that a child lost although it had time for them, or 0.
double lost_in_bursts(const Scene& scene, const std::string& source) {
  const auto& stats = scene.seen.stats;
  double worst = 0;
  for (std::size_t i = 0; i < stats.edges.size(); ++i) {
    const auto& edge = stats.edges[i];
    const auto& before = scene.window.before.edges[i];
    if (edge.parent != source || find_index(scene, edge.child) == stats.nodes.size()) continue;
    if (!has_time(scene, edge.child)) continue;
    const auto passed = grown(edge.passed_in, before.passed_in);
    if (passed < kFewestSamples) continue;
    worst = std::max(
        worst, static_cast<double>(grown(edge, before, DropCause::QueueFull)) / static_cast<double>(passed));
  }
  return worst;
}

// Returns the age of the source's samples that waited longest in queues and for workers.
AgeShare longest_wait(const Scene& scene, const std::string& source) {
  AgeShare worst;
  for (const auto& age : scene.ages) {
    const bool of_source = std::ranges::find(age.sources, source) != age.sources.end();
    const double wait = sum_part(age, AgeKind::Queue, "") + sum_part(age, AgeKind::Worker, "");
    if (of_source && is_proven(&age) && wait >= worst.time) worst = {wait, &age};
  }
  return worst;
}

}  // namespace

void find_bursts(const Scene& scene, Causes& out) {
  for (const auto& [source, pace] : scene.paces) {
    const auto index = find_index(scene, source);
    if (index == scene.seen.nodes.size() || !scene.seen.nodes[index].live) continue;
    if (pace.samples < kFewestSamples || pace.median <= 0 || scene.quiet.is_quiet(source)) continue;
    const double ratio = pace.mean / pace.median;
    if (ratio < scene.bar(kBurst, "bursts", source)) continue;
    const auto worst = longest_wait(scene, source);
    const bool waits = worst.age != nullptr && worst.time >= scene.bar(kShortestPause, "bursts", source) &&
                       worst.time >= scene.bar(kShareOfAge, "bursts", source) * worst.age->mean;
    const double lost = lost_in_bursts(scene, source);
    if (!waits && lost < scene.bar(kLostInBursts, "bursts", source)) continue;
    const auto effect =
        waits ? "samples wait " + share_text(worst.time, worst.age->mean) + " of their age in queues"
              : percent_text(lost) + " of them are lost, although its child has time for more";
    Finding finding{
        .kind = "bursts",
        .subject = source,
        .text = "delivers its samples in bursts, on average one every " + time_text(pace.mean) +
                ", but half of them within " + time_text(pace.median) + " of the previous one: " + effect +
                ".",
        .remedy = waits ? "Use a source that delivers them evenly, such as RTSP instead of HLS."
                        : "Use a queue such as Queue(8), which keeps more of a burst, or a source that "
                          "delivers them evenly, such as RTSP instead of HLS.",
        .evidence = {{"interval", pace.mean},
                     {"interval_median", pace.median},
                     {"wait", worst.time},
                     {"lost_share", lost}}};
    out[{"bursts", source}] = {std::move(finding), waits ? worst.time : 0};
  }
}

}  // namespace freshframe::core
