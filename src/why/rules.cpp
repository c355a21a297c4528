// Rules that only need counters, and rules about the GIL. The thresholds were chosen to separate programs
// with known faults from healthy ones.
// SPDX-License-Identifier: Apache-2.0
#include "why/rules.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/unit_text.hpp"
#include "why/figures.hpp"

namespace freshframe::core {
namespace {

using std::chrono::duration;

constexpr double kWaiting = 2;          // report a queue that drops if it holds this many samples on average
constexpr double kShortestWait = 0.05;  // seconds; shorter waits in a queue are not reported
constexpr double kBlocked = 0.5;        // report a node blocked for this share of the time
constexpr double kStale = 0.5;          // report an edge if more than this share of its samples is too old
constexpr double kAway = 0.5;           // report a source that was away for this share of the window
constexpr double kLostRecords = 0.01;   // report a recorder that lost this share; low, since it must keep all
constexpr double kCardWait = 0.8;       // report a source that waits for its GPU for this share of the time
constexpr double kFallsBehind = 0.05;   // seconds of lag per second; with more, a source falls behind
constexpr double kLeastFall = 0.25;     // seconds; with this much more lag than before, it stays behind
constexpr double kThird = 1.0 / 3;      // the first third of a window is compared with the last

std::uint64_t count_restarts(const NodeStats& node) {
  std::uint64_t sum = 0;
  for (const auto& worker : node.workers) sum += worker.restarts;
  return sum;
}

// How long samples waited in a queue, and how old they were.
struct Waits {
  double wait = 0;
  double age = 0;
};

// Uses the waits from the records. Without records, by Little's law, the mean wait is the mean number of
// waiting samples divided by the rate at which they leave.
Waits find_waits(const Scene& scene, std::size_t edge, double waiting, std::uint64_t left) {
  const auto& stats = scene.seen.stats.edges[edge];
  const auto share = largest_share(scene, stats.child, {AgeKind::Queue, AgeKind::Worker});
  if (share.age != nullptr && share.age->samples >= kFewestSamples) return {share.time, share.age->mean};
  const auto age = scene.edge_ages.find(stats.number);
  return {waiting * scene.seconds / static_cast<double>(left),
          age != scene.edge_ages.end() ? age->second : 0};
}

}  // namespace

// Finds blocking edges of readers that were full at every check, while the reader took nothing.
void find_unread(const Scene& scene, Causes& out) {
  const auto& edges = scene.seen.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& edge = edges[i];
    if (scene.window.edges[i].full < scene.window.looks) continue;
    if (edge.delivered != scene.window.before.edges[i].delivered) continue;
    if (std::ranges::find(scene.seen.readers, edge.child) == scene.seen.readers.end()) continue;
    if (scene.quiet.has_changed(edge.child)) continue;
    Finding finding{.kind = "unread",
                    .subject = edge.child,
                    .text = "is not read: " + std::to_string(edge.waiting) + " samples are waiting, and " +
                            edge.parent + " waits until there is room.",
                    .remedy = "Read it, close it, or give it queue=LATEST.",
                    .evidence = {{"waiting", static_cast<double>(edge.waiting)}}};
    out[{"unread", edge.child}] = {std::move(finding)};
  }
}

// Finds nodes downstream of a live source that wait for room most of the time, because of the child whose
// queue is full.
void find_blocked(const Scene& scene, Causes& out) {
  const auto& stats = scene.seen.stats;
  for (std::size_t n = 0; n < stats.nodes.size(); ++n) {
    const auto& name = stats.nodes[n].name;
    const double share = static_cast<double>(scene.window.nodes[n].blocked) / scene.window.looks;
    if (!scene.seen.nodes[n].live || share < scene.bar(kBlocked, "blocked", name)) continue;
    if (scene.quiet.has_changed(name)) continue;
    const EdgeStats* fullest = nullptr;
    int most = 0;
    for (std::size_t i = 0; i < stats.edges.size(); ++i) {
      if (stats.edges[i].parent != name || scene.window.edges[i].full <= most) continue;
      fullest = &stats.edges[i];
      most = scene.window.edges[i].full;
    }
    if (!fullest || out.contains({"unread", fullest->child})) continue;
    Finding finding{.kind = "blocked",
                    .subject = name,
                    .text = "waits " + percent_text(share) + " of the time until " + fullest->child +
                            " has room, although its source is live.",
                    .remedy = "Give " + fullest->child +
                              " queue=LATEST, or make it faster, such as with process=Process(workers=2).",
                    .evidence = {{"blocked_share", share}}};
    out[{"blocked", name}] = {std::move(finding), 0};
  }
}

// Finds sources that repeatedly disconnect, or that delivered nothing for most of the window and are back. A
// source that is away now is a state (see States) instead. A single window without it ends the finding of a
// source that is back, and a window that is entirely away ends that of one that comes and goes.
void find_away(const Scene& scene, Causes& out) {
  const auto& nodes = scene.seen.stats.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& before = scene.window.before.nodes[i].source;
    if (!nodes[i].source || !before || scene.quiet.has_changed(nodes[i].name)) continue;
    const auto& source = *nodes[i].source;
    const double share = static_cast<double>(scene.window.nodes[i].away) / scene.window.looks;
    const bool again = grown(source.outages, before->outages) > 0;
    if (share < scene.bar(kAway, "away", nodes[i].name) && !again) continue;
    const double away = scene.away(nodes[i].number);
    if (away >= scene.seconds) out[{"away", nodes[i].name}] = {.finding = {}, .explains = 0, .lasts = 0};
    if (away >= scene.seconds || (away > 0 && !again)) continue;
    // After a stall, the last error belongs to an earlier outage.
    const bool was_lost = again || grown(source.reconnects, before->reconnects) > 0;
    auto reason = was_lost && !source.last_error.empty() ? ": " + source.last_error : std::string();
    if (!reason.ends_with('.')) reason += '.';
    Finding finding{.kind = "away",
                    .subject = nodes[i].name,
                    .text = (again ? "is lost repeatedly, " + std::to_string(source.outages) + " times so far"
                                   : "has delivered no frames for " + percent_text(share) + " of the last " +
                                         fixed_text(scene.seconds) + " s") +
                            reason,
                    .remedy = away_remedy(source),
                    .evidence = {{"away", away}, {"outages", static_cast<double>(source.outages)}}};
    out[{"away", nodes[i].name}] = {
        .finding = std::move(finding), .explains = 0, .lasts = again ? kMinute : 1};
  }
}

void Window::NodeSums::note_behind(double share, double behind) {
  if (share <= kThird) most_behind_at_first = std::max(behind, most_behind_at_first.value_or(behind));
  if (share >= 1 - kThird) least_behind_at_last = std::min(behind, least_behind_at_last.value_or(behind));
}

double Window::NodeSums::compute_slip() const {
  if (!most_behind_at_first || !least_behind_at_last) return 0;
  const double growth = *least_behind_at_last - *most_behind_at_first;
  return growth / (kThird * duration<double>(kLength).count());
}

namespace {

// Returns the share of the time in which a source's decoding waited for its GPU, excluding the time in which
// its thread was ready to run.
double find_card_share(const Scene& scene, std::size_t node) {
  const auto& now = scene.seen.stats.nodes[node];
  const double wait = now.source->card_wait - scene.window.before.nodes[node].source->card_wait;
  return (wait - scene.run_queue.compute_node_load(scene.window.run_queue, now.number)) / scene.seconds;
}

// Returns the number of the source's frames that were not read in time.
std::uint64_t count_unread(const NodeStats& source) {
  const auto found = source.drops.find(NodeDropCause::Device);
  return found != source.drops.end() ? found->second : 0;
}

}  // namespace

// Finds sources that wait for their GPU most of the time and fall behind, because the GPU cannot decode
// faster. A source that keeps up may wait as much, and one whose camera drops late frames itself does not
// fall further behind.
void find_full_cards(const Scene& scene, Causes& out) {
  const auto& nodes = scene.seen.stats.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& node = nodes[i];
    const auto& before = scene.window.before.nodes[i];
    if (!node.source || !before.source || scene.quiet.is_quiet(node.name)) continue;
    const auto bar = [&](double threshold) { return scene.bar(threshold, "card", node.name); };
    const double share = node.source->decoder != "cpu" ? find_card_share(scene, i) : 0;
    if (share < bar(kCardWait)) {
      out[{"card", node.name}] = {.finding = {}, .explains = 0, .lasts = 0};
      continue;
    }
    const auto lost = grown(count_unread(node), count_unread(before));
    const double behind = node.source->behind.value_or(0);
    const auto& lags = scene.window.nodes[i];
    const auto* const shown = scene.shown("card", node.name);
    const double behind_before = shown != nullptr ? shown->finding.evidence.at("behind_before")
                                                  : lags.most_behind_at_first.value_or(behind);
    const bool falls = lags.compute_slip() >= bar(kFallsBehind);
    const bool stays = shown != nullptr && share >= kCardWait && behind >= behind_before + kLeastFall;
    if (lost == 0 && !falls && !stays) continue;
    const auto lost_text =
        "has lost " + count_text(lost, "frame") + " in the last " + fixed_text(scene.seconds) + " s.";
    const auto lag_text =
        (falls ? "falls" : "stays") + (" behind: its frames are " + time_text(behind) + " late.");
    Finding finding{
        .kind = "card",
        .subject = node.name,
        .text = "waits for " + node.source->decoder + " " + percent_text(share) + " of the time, and " +
                (lost > 0 ? lost_text : lag_text),
        .remedy =
            "The GPU cannot decode faster alongside its other work. Lower the frame rate or the size of its "
            "sources, or give some of them decoder=\"cpu\", another GPU, or decode=\"keyframes\".",
        .evidence = {{"card_wait_share", share},
                     {"lost", static_cast<double>(lost)},
                     {"behind", behind},
                     {"behind_before", behind_before}}};
    // A full queue is emptied at a keyframe, so there is no loss for some seconds after each loss.
    auto lasts = shown != nullptr ? shown->lasts : std::nullopt;
    if (lost > 0) lasts = kMinute;
    out[{"card", node.name}] = {.finding = std::move(finding), .explains = 0, .lasts = lasts};
  }
}

namespace {

// Describes the rate that the child can sustain.
std::string even_rate(double seconds_per_sample) {
  const double rate = 0.9 / seconds_per_sample;
  return rate >= 2 ? fixed_text(std::floor(rate)) : fixed_text(rate, 1);
}

}  // namespace

// Finds recorders that lose samples. A full queue is not reported: a recorder's queue may be full, but must
// not lose anything.
void find_lost_records(const Scene& scene, Causes& out) {
  const auto& edges = scene.seen.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& edge = edges[i];
    const auto& before = scene.window.before.edges[i];
    if (!(edge.queue == kRecording) || edge.joined || scene.quiet.edges[i]) continue;
    const auto passed = grown(edge.passed_in, before.passed_in);
    const auto delivered = grown(edge.delivered, before.delivered);
    if (passed < kFewestSamples || delivered == 0) continue;
    const double share =
        static_cast<double>(grown(edge, before, DropCause::QueueFull)) / static_cast<double>(passed);
    const auto subject = edge_name(edge);
    if (share < scene.bar(kLostRecords, "loss", subject)) continue;
    const double taken = scene.seconds / static_cast<double>(delivered);
    const double interval = scene.seconds / static_cast<double>(passed);
    Finding finding{.kind = "loss",
                    .subject = subject,
                    .text = percent_text(share) +
                            " of the samples are lost because the queue RECORDING is full: " + edge.child +
                            " takes one every " + time_text(taken) + ", but one arrives every " +
                            time_text(interval) + ".",
                    .remedy = "Make " + edge.child + " faster, or give it max_rate=" + even_rate(taken) +
                              ", so that it keeps up.",
                    .evidence = {{"lost_share", share}, {"taken", taken}, {"interval", interval}}};
    // Call durations depend on the scene, so losses come and go.
    out[{"loss", subject}] = {
        .finding = std::move(finding), .explains = 0, .lasts = kMinute, .reaches_over = true};
  }
}

void find_deep_queues(const Scene& scene, Causes& out) {
  const auto& edges = scene.seen.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& edge = edges[i];
    const auto& before = scene.window.before.edges[i];
    if (edge.queue.blocks() || edge.queue.depth < 2 || edge.queue == kRecording || edge.joined) continue;
    if (scene.quiet.edges[i]) continue;
    const auto dropped = grown(edge, before, DropCause::QueueFull);
    const auto delivered = grown(edge.delivered, before.delivered);
    const auto passed = grown(edge.passed_in, before.passed_in);
    const auto left = delivered + (edge.queue.when_full == WhenFull::DropOldest ? dropped : 0);
    if (dropped == 0 || delivered == 0 || passed < kFewestSamples) continue;
    const double waiting = scene.window.edges[i].waiting / scene.window.looks;
    const auto subject = edge_name(edge);
    const auto [wait, age] = find_waits(scene, i, waiting, left);
    const double interval = scene.seconds / static_cast<double>(passed);
    const double shortest = std::max(kShortestWait, 2 * interval);
    if (waiting < scene.bar(kWaiting, "queue", subject) || wait < scene.bar(shortest, "queue", subject))
      continue;
    if (wait < scene.bar(kShareOfAge, "queue", subject) * age) continue;
    const double taken = scene.seconds / static_cast<double>(delivered);
    Finding finding{
        .kind = "queue",
        .subject = subject,
        .text = "samples wait " + (age > wait ? share_text(wait, age) + " of their age" : time_text(wait)) +
                " in the queue of " + std::to_string(edge.queue.depth) + " before " + edge.child +
                ": it holds " + fixed_text(waiting, 1) + ", because " + edge.child + " takes one every " +
                time_text(taken) + ", but one arrives every " + time_text(interval) + ".",
        .remedy = "Use queue=LATEST, which has the same rate without this wait.",
        .evidence = {
            {"wait", wait}, {"age", age}, {"waiting", waiting}, {"interval", interval}, {"taken", taken}}};
    out[{"queue", subject}] = {std::move(finding), wait};
  }
}

void find_stale(const Scene& scene, Causes& out) {
  const auto& edges = scene.seen.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& before = scene.window.before.edges[i];
    const auto stale = grown(edges[i], before, DropCause::Stale);
    const auto delivered = grown(edges[i].delivered, before.delivered);
    const auto subject = edge_name(edges[i]);
    if (stale + delivered < kFewestSamples || scene.quiet.edges[i]) continue;
    const double share = static_cast<double>(stale) / static_cast<double>(stale + delivered);
    if (share <= scene.bar(kStale, "stale", subject)) continue;
    Finding finding{.kind = "stale",
                    .subject = subject,
                    .text = percent_text(share) + " of the samples are older than max_age when " +
                            edges[i].child + " could take them.",
                    .remedy = "Raise max_age to let them through, or make the nodes upstream of " +
                              edges[i].child + " faster.",
                    .evidence = {{"stale_share", share}}};
    out[{"stale", subject}] = {std::move(finding)};
  }
}

void find_workers(const Scene& scene, Causes& out) {
  const auto& nodes = scene.seen.stats.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto restarts = count_restarts(nodes[i]);
    const auto count = grown(restarts, count_restarts(scene.window.before.nodes[i]));
    if (count == 0 || scene.quiet.has_changed(nodes[i].name)) continue;
    Finding finding{
        .kind = "worker",
        .subject = nodes[i].name,
        .text = "its worker processes die repeatedly; restarts so far: " + std::to_string(restarts) + ".",
        .remedy = "See the log for the cause of each.",
        .evidence = {{"restarts", static_cast<double>(restarts)}}};
    out[{"worker", nodes[i].name}] = {std::move(finding)};
  }
}

namespace {

constexpr double kGilWait = 0.05;        // report nodes that wait for the GIL for this share of their time
constexpr double kGilStarves = 1.0 / 3;  // report GIL waits of a node that loses samples from this share on
constexpr double kLostToGil = 0.2;       // if it lost this share of its samples because of that
constexpr double kOwnHold = 0.2;         // share of the time for which a node must hold the GIL to be named

double gil_share(const Scene& scene, std::size_t node, double NodeStats::* counter) {
  const auto& nodes = scene.seen.stats.nodes;
  return (nodes[node].*counter - scene.window.before.nodes[node].*counter) / scene.seconds;
}

// Lists the nodes that hold the GIL.
std::string holders_text(const Scene& scene) {
  std::vector<std::string> names;
  double sum = 0;
  for (std::size_t i = 0; i < scene.seen.stats.nodes.size(); ++i) {
    const double share = gil_share(scene, i, &NodeStats::gil_hold);
    sum += share;
    if (share < kOwnHold) continue;
    names.push_back(scene.seen.stats.nodes[i].name + " holds it " + percent_text(share) + " of the time");
  }
  if (!names.empty()) return " " + listed(names) + ".";
  return " The nodes hold it only " + percent_text(sum) +
         " of the time: another thread of the program holds it.";
}

// The samples that arrived at a node: how many its queues lost, and how many of those it would have taken
// without waiting for the GIL.
struct GilLoss {
  double lost = 0;       // share
  double explained = 0;  // share
  double taken = 0;      // samples
};

GilLoss gil_loss(const Scene& scene, const std::string& node, double waits) {
  std::uint64_t passed = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < scene.seen.stats.edges.size(); ++i) {
    const auto& edge = scene.seen.stats.edges[i];
    const auto& before = scene.window.before.edges[i];
    if (edge.child != node || scene.quiet.edges[i]) continue;
    passed += grown(edge.passed_in, before.passed_in);
    delivered += grown(edge.delivered, before.delivered);
    for (const auto cause : {DropCause::QueueFull, DropCause::NoWaiter})
      dropped += grown(edge, before, cause);
  }
  if (passed < kFewestSamples) return {};
  const auto all = static_cast<double>(passed);
  const auto taken = static_cast<double>(delivered);
  const double lost = static_cast<double>(dropped) / all;
  const double possible = waits < 1 ? std::min(all, taken / (1 - waits)) : all;
  return {.lost = lost, .explained = std::min(lost, (possible - taken) / all), .taken = taken};
}

}  // namespace

// One finding per path, at the node that waits longest.
void find_gil_waits(const Scene& scene, Causes& out) {
  for (const auto& age : scene.ages) {
    const double wait = sum_part(age, AgeKind::Gil, "");
    if (age.samples < kFewestSamples || scene.quiet.is_quiet(age.consumer)) continue;
    std::vector<std::string> waiting;
    std::string subject;
    double longest = 0;
    double share = 0;
    for (const auto& name : list_nodes(age)) {
      const auto node = find_index(scene, name);
      if (node == scene.seen.stats.nodes.size()) continue;
      const double of_time = gil_share(scene, node, &NodeStats::gil_wait);
      share = std::max(share, of_time);
      if (of_time < kGilWait) continue;
      waiting.push_back(name);
      if (const double time = sum_part(age, AgeKind::Gil, name); time > longest) {
        longest = time;
        subject = name;
      }
    }
    if (subject.empty() || share < scene.bar(kGilWait, "gil_wait", subject)) continue;
    if (wait < scene.bar(kShortestPause, "gil_wait", subject)) continue;
    if (wait < scene.bar(kShareOfAge, "gil_wait", subject) * age.mean) continue;
    if (const auto known = out.find({"gil_wait", subject});
        known != out.end() && known->second.explains >= wait)
      continue;
    const bool several = waiting.size() > 1;
    Finding finding{.kind = "gil_wait",
                    .subject = subject,
                    .text = (several ? listed(waiting) + " wait" : std::string("waits")) +
                            " for the GIL for " + share_text(wait, age.mean) + " that samples are old at " +
                            age.consumer + "." + holders_text(scene),
                    .remedy = std::string(kGilRemedy),
                    .evidence = {{"wait", wait}, {"age", age.mean}, {"gil_wait_share", share}}};
    out[{"gil_wait", subject}] = {std::move(finding), wait};
  }
}

// Finds nodes that lose samples because of the GIL. If a node takes the newest sample only after it has the
// GIL, its wait is not part of any age, but it shows in its losses.
void find_gil_losses(const Scene& scene, Causes& out) {
  for (std::size_t i = 0; i < scene.seen.stats.nodes.size(); ++i) {
    const auto& name = scene.seen.stats.nodes[i].name;
    if (!scene.seen.nodes[i].live || scene.quiet.is_quiet(name) || out.contains({"gil_wait", name})) continue;
    const double waits = gil_share(scene, i, &NodeStats::gil_wait);
    if (waits < scene.bar(kGilStarves, "gil_wait", name)) continue;
    const auto loss = gil_loss(scene, name, waits);
    if (loss.explained < scene.bar(kLostToGil, "gil_wait", name)) continue;
    const double of_each = waits * scene.seconds / std::max(1.0, loss.taken);
    Finding finding{.kind = "gil_wait",
                    .subject = name,
                    .text = "waits for the GIL " + percent_text(waits) + " of the time, and loses " +
                            percent_text(loss.lost) + " of the samples in the meantime." +
                            holders_text(scene),
                    .remedy = std::string(kGilRemedy),
                    .evidence = {{"gil_wait_share", waits}, {"lost_share", loss.lost}, {"wait", of_each}}};
    out[{"gil_wait", name}] = {std::move(finding), of_each};
  }
}

}  // namespace freshframe::core
