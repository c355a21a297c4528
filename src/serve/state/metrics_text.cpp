// Metrics in the Prometheus text format, which requires all samples of a metric to be together.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/metrics_text.hpp"

#include "freshframe/stats_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/utf8.hpp"

namespace freshframe::serve {
namespace {

using Label = std::pair<std::string_view, std::string_view>;

class MetricsWriter {
 public:
  explicit MetricsWriter(std::string_view pipeline) : pipeline_(pipeline) {}

  /// `name` excludes the common prefix "freshframe_".
  void begin_metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = "freshframe_";
    name_ += name;
    out_ += "# HELP ";
    out_ += name_;
    out_ += ' ';
    out_ += help;
    out_ += "\n# TYPE ";
    out_ += name_;
    out_ += ' ';
    out_ += type;
    out_ += '\n';
  }

  template <class T>
  void sample(std::initializer_list<Label> labels, T value) {
    sample({}, labels, value);
  }
  template <class T>
  void sample(std::string_view suffix, std::initializer_list<Label> labels, T value) {
    out_ += name_;
    out_ += suffix;
    char separator = '{';
    put_label(separator, "pipeline", pipeline_);
    for (const auto& [key, text] : labels) put_label(separator, key, text);
    out_ += "} ";
    put(value);
    out_ += '\n';
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  void put_label(char& separator, std::string_view key, std::string_view text) {
    out_ += std::exchange(separator, ',');
    out_ += key;
    out_ += "=\"";
    for (const char c : core::to_utf8(text)) {
      if (c == '\\' || c == '"') out_ += '\\';
      if (c == '\n') {
        out_ += "\\n";
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }
  void put(std::integral auto value) { out_ += std::to_string(value); }
  void put(double value) {
    if (!std::isfinite(value)) {
      out_ += "NaN";
      return;
    }
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    out_.append(text.data(), static_cast<std::size_t>(end - text.data()));
  }

  std::string out_;
  std::string name_;
  std::string pipeline_;
};

// Writes one metric for each field that has a metric name. `samples` calls its argument with labels and
// counters for each item.
template <class Fields, class Samples>
void write_fields(MetricsWriter& out, const Fields& fields, const Samples& samples) {
  for_each_field(fields, [&](const auto& field) {
    if (field.metric.empty()) return;
    out.begin_metric(field.metric, field.type, field.help);
    samples([&](std::initializer_list<Label> labels, const auto& stats) {
      using Value = std::remove_cvref_t<decltype(stats.*field.member)>;
      if constexpr (std::is_arithmetic_v<Value>) {
        out.sample(labels, stats.*field.member);
      } else if constexpr (std::is_same_v<Value, std::optional<double>>) {
        if (stats.*field.member) out.sample(labels, *(stats.*field.member));
      }
    });
  });
}

// Unmatched samples of a join are reported as edge_dropped_total with the causes "unmatched" and "late".
void write_joins(MetricsWriter& out, const Stats& stats) {
  if (std::ranges::none_of(stats.nodes, [](const auto& node) { return node.join.has_value(); })) return;
  write_fields(out, kJoinFields, [&](const auto& sample) {
    for (const auto& node : stats.nodes) {
      if (node.join) sample({{"node", node.name}}, *node.join);
    }
  });
  out.begin_metric("join_nearest_seconds", "gauge",
                   "Median of how much later than the reference's sample the nearest one of the parent was.");
  for (const auto& node : stats.nodes) {
    if (!node.join || node.join->by == JoinBy::Seq) continue;
    for (const auto& parent : node.join->parents) {
      if (parent.nearest) out.sample({{"node", node.name}, {"parent", parent.parent}}, *parent.nearest);
    }
  }
}

// Writes nothing unless a "browser:" source of the pipeline has had a sender.
void write_senders(MetricsWriter& out, const Stats& stats) {
  const auto has_sender = [](const NodeStats& node) { return node.source && node.source->sender; };
  if (std::ranges::none_of(stats.nodes, has_sender)) return;
  write_fields(out, kSenderFields, [&](const auto& sample) {
    for (const auto& node : stats.nodes) {
      if (has_sender(node)) sample({{"node", node.name}}, *node.source->sender);
    }
  });
}

void write_nodes(MetricsWriter& out, const Stats& stats) {
  write_fields(out, kNodeFields, [&](const auto& sample) {
    for (const auto& node : stats.nodes) sample({{"node", node.name}}, node);
  });
  write_fields(out, kSourceFields, [&](const auto& sample) {
    for (const auto& node : stats.nodes) {
      if (node.source) sample({{"node", node.name}}, *node.source);
    }
  });
  write_senders(out, stats);
  write_joins(out, stats);
}

void write_edges(MetricsWriter& out, const Stats& stats) {
  const auto for_each_edge = [&](const auto& sample) {
    for (const auto& edge : stats.edges) {
      if (edge.of.empty()) {
        sample({{"parent", edge.parent}, {"child", edge.child}}, edge);
      } else {
        sample({{"parent", edge.parent}, {"child", edge.child}, {"source", edge.of}}, edge);
      }
    }
  };
  write_fields(out, kEdgeFields, for_each_edge);
  out.begin_metric("edge_depth_samples", "gauge", "Samples that the edge's queue can hold.");
  for_each_edge([&](std::initializer_list<Label> labels, const EdgeStats& edge) {
    out.sample(labels, static_cast<double>(edge.queue.depth) * static_cast<double>(edge.source_count));
  });
}

// One bucket per power of two up to the largest batch so far, which keeps their number small.
void write_batches(MetricsWriter& out, const Stats& stats) {
  out.begin_metric("node_batch_samples", "histogram", "Samples of one call, of nodes with a batch.");
  for (const auto& node : stats.nodes) {
    if (node.batches.empty()) continue;
    std::uint64_t calls = 0;
    std::uint64_t samples = 0;
    auto next = node.batches.begin();
    for (int bound = 1; next != node.batches.end(); bound *= 2) {
      for (; next != node.batches.end() && next->first <= bound; ++next) {
        calls += next->second;
        samples += static_cast<std::uint64_t>(next->first) * next->second;
      }
      out.sample("_bucket", {{"node", node.name}, {"le", std::to_string(bound)}}, calls);
    }
    out.sample("_bucket", {{"node", node.name}, {"le", "+Inf"}}, calls);
    out.sample("_sum", {{"node", node.name}}, samples);
    out.sample("_count", {{"node", node.name}}, calls);
  }
}

void write_away(MetricsWriter& out, const Snapshot& seen) {
  out.begin_metric("source_away_seconds", "gauge",
                   "Seconds that the source has been without a connection; 0 while it is connected.");
  for (std::size_t i = 0; i < seen.away.size(); ++i) {
    const auto& node = seen.graph.stats.nodes[i];
    if (node.source) out.sample({{"node", node.name}}, seen.away[i].value_or(0));
  }
}

template <class Cause, class Map>
std::uint64_t find_count(const Map& drops, int cause) {
  const auto found = drops.find(static_cast<Cause>(cause));
  return found != drops.end() ? found->second : 0;
}

// Every cause exists from the start, so that the first drop is an increase and not a new series.
void write_drops(MetricsWriter& out, const Stats& stats) {
  out.begin_metric("node_dropped_total", "counter", "Frames dropped in the node, by cause.");
  for (const auto& node : stats.nodes) {
    for (int i = 0; i < kNodeDropCauses; ++i) {
      out.sample({{"node", node.name}, {"cause", freshframe::to_string(static_cast<NodeDropCause>(i))}},
                 find_count<NodeDropCause>(node.drops, i));
    }
  }
  out.begin_metric("edge_dropped_total", "counter", "Samples dropped on the edge, by cause.");
  for (const auto& edge : stats.edges) {
    for (int i = 0; i < kDropCauses; ++i) {
      const auto cause = freshframe::to_string(static_cast<DropCause>(i));
      const auto count = find_count<DropCause>(edge.drops, i);
      if (edge.of.empty()) {
        out.sample({{"parent", edge.parent}, {"child", edge.child}, {"cause", cause}}, count);
      } else {
        out.sample({{"parent", edge.parent}, {"child", edge.child}, {"source", edge.of}, {"cause", cause}},
                   count);
      }
    }
  }
}

void write_states(MetricsWriter& out, const Snapshot& seen) {
  out.begin_metric("node_state", "gauge", "1 for the state that the node is in.");
  for (const auto& node : seen.graph.stats.nodes) {
    out.sample({{"node", node.name}, {"state", freshframe::to_string(node.state)}}, 1);
  }
  out.begin_metric("source_state", "gauge", "1 for the state that the source is in.");
  for (const auto& node : seen.graph.stats.nodes) {
    if (!node.source) continue;
    out.sample({{"node", node.name}, {"state", freshframe::to_string(node.source->state)}}, 1);
  }
  out.begin_metric("pipeline_phase", "gauge", "1 for the phase that the pipeline is in.");
  out.sample({{"phase", to_string(seen.graph.phase)}}, 1);
  out.begin_metric("finding", "gauge", "1 for each present finding, as why() has it.");
  for (const auto& finding : seen.findings)
    out.sample({{"kind", finding.kind}, {"subject", finding.subject}}, 1);
  out.begin_metric("pipeline_healthy", "gauge", "1 while frames flow, as in /healthz.");
  out.sample({}, judge_health(seen).good ? 1 : 0);
}

template <class T>
void write_one(MetricsWriter& out, std::string_view name, std::string_view type, std::string_view help,
               T value) {
  out.begin_metric(name, type, help);
  out.sample({}, value);
}

void write_memory(MetricsWriter& out, const Stats& stats) {
  const auto& pool = stats.pool;
  write_one(out, "pipeline_elapsed_seconds", "gauge", "Seconds since the start, until the end.",
            stats.elapsed);
  write_one(out, "frames_bound", "gauge", "Frames that the engine may hold at the same time.", pool.bound);
  write_one(out, "frames_in_use", "gauge", "Frames that the engine holds.", pool.in_use);
  write_one(out, "held_bytes", "gauge", "Image memory that is held only outside the engine.",
            stats.held_bytes);
  write_one(out, "device_bytes", "gauge", "Memory of frames that stay on GPUs.", stats.device_bytes);
  write_one(out, "pool_allocated_total", "counter", "Image buffers allocated from the system.",
            pool.memory.allocated);
  write_one(out, "pool_reused_total", "counter", "Requests served from idle image buffers.",
            pool.memory.reused);
  write_one(out, "pool_idle_bytes", "gauge", "Image memory kept for reuse.", pool.memory.idle_bytes);
}

// Writes the sums of removed nodes, whose own series disappear, so that totals never decrease.
void write_removed(MetricsWriter& out, const RemovedStats& removed) {
  write_one(out, "removed_nodes_total", "counter", "Nodes that were removed while the pipeline ran.",
            removed.node_count);
  write_one(out, "removed_samples_total", "counter", "Samples that removed sources had delivered.",
            removed.samples);
  write_one(out, "removed_processed_total", "counter", "Samples that removed nodes had finished.",
            removed.processed);
  write_one(out, "removed_errors_total", "counter", "Exceptions of removed nodes.", removed.errors);
  write_one(out, "removed_passed_in_total", "counter", "Samples that were offered to removed edges.",
            removed.passed_in);
  write_one(out, "removed_delivered_total", "counter", "Samples that removed edges had delivered.",
            removed.delivered);
  out.begin_metric("removed_dropped_total", "counter", "Samples dropped on removed edges, by cause.");
  for (int i = 0; i < kDropCauses; ++i) {
    out.sample({{"cause", freshframe::to_string(static_cast<DropCause>(i))}},
               find_count<DropCause>(removed.drops, i));
  }
}

void write_viewers(MetricsWriter& out, const Snapshot& seen) {
  write_one(out, "viewers", "gauge", "Browsers and programs that watch the pipeline live.", seen.viewers);
  out.begin_metric("view_encoded_total", "counter", "Images of the port that were encoded for viewers.");
  for (const auto& view : seen.views) out.sample({{"port", view.port}}, view.encoded);
  out.begin_metric("view_watchers", "gauge", "Views of the port in pages over /api/video.");
  for (const auto& view : seen.views) out.sample({{"port", view.port}}, view.watchers.size());
  out.begin_metric("view_left_out_pictures", "gauge",
                   "Images that the present watchers did not get because they were too slow.");
  for (const auto& view : seen.views) {
    std::uint64_t left_out = 0;
    for (const auto& watcher : view.watchers) left_out += watcher.left_out;
    out.sample({{"port", view.port}}, left_out);
  }
}

void write_looks(MetricsWriter& out, const Snapshot& seen) {
  if (seen.looks.empty()) return;
  out.begin_metric("look_questions_total", "counter", "HTTP requests for the last seconds of a Look.");
  for (const auto& look : seen.looks) {
    out.sample({{"look", look.name}, {"result", "answered"}}, look.answered);
    out.sample({{"look", look.name}, {"result", "refused"}}, look.refused);
    out.sample({{"look", look.name}, {"result", "failed"}}, look.failed);
  }
}

template <class Value>
void write_each_worker(MetricsWriter& out, const Stats& stats, Value WorkerStats::* field) {
  for (const auto& node : stats.nodes) {
    for (std::size_t i = 0; i < node.workers.size(); ++i) {
      out.sample({{"node", node.name}, {"worker", std::to_string(i)}}, node.workers[i].*field);
    }
  }
}

void write_workers(MetricsWriter& out, const Stats& stats) {
  const bool any = std::ranges::any_of(stats.nodes, [](const auto& node) { return !node.workers.empty(); });
  if (!any) return;
  out.begin_metric("node_in_flight_samples", "gauge", "Samples that the node's workers have not finished.");
  for (const auto& node : stats.nodes) {
    if (!node.workers.empty()) out.sample({{"node", node.name}}, node.in_flight);
  }
  out.begin_metric("worker_processed_total", "counter", "Samples that a worker process has finished.");
  write_each_worker(out, stats, &WorkerStats::processed);
  out.begin_metric("worker_restarts_total", "counter",
                   "Worker processes that were restarted after they died.");
  write_each_worker(out, stats, &WorkerStats::restarts);
  out.begin_metric("worker_resident_bytes", "gauge", "Resident memory of a worker process.");
  write_each_worker(out, stats, &WorkerStats::rss_bytes);
  out.begin_metric("worker_cpu_seconds", "gauge", "CPU seconds of the running worker process.");
  write_each_worker(out, stats, &WorkerStats::cpu);
}

void write_spools(MetricsWriter& out, const Stats& stats) {
  if (std::ranges::none_of(stats.nodes, [](const auto& node) { return node.spool.has_value(); })) return;
  write_fields(out, kSpoolFields, [&](const auto& sample) {
    for (const auto& node : stats.nodes) {
      if (node.spool) sample({{"node", node.name}}, *node.spool);
    }
  });
}

void write_publishers(MetricsWriter& out, const Stats& stats) {
  if (std::ranges::none_of(stats.nodes, [](const auto& node) { return node.publish.has_value(); })) return;
  write_fields(out, kPublishFields, [&](const auto& sample) {
    for (const auto& node : stats.nodes) {
      if (node.publish) sample({{"node", node.name}}, *node.publish);
    }
  });
}

void write_inference(MetricsWriter& out, const Stats& stats) {
  const auto each = [&](const char* name, const char* type, const char* help, const auto& value) {
    out.begin_metric(name, type, help);
    for (const auto& node : stats.nodes) {
      if (!node.inference) continue;
      out.sample({{"node", node.name}, {"provider", node.inference->provider}}, value(*node.inference));
    }
  };
  if (std::ranges::none_of(stats.nodes, [](const auto& node) { return node.inference.has_value(); })) return;
  each("node_inference_runs_total", "counter", "Runs of the node's neural network.",
       [](const InferenceStats& runs) { return runs.runs; });
  each("node_inference_duration_p50_seconds", "gauge",
       "Median duration of a run of the node's neural network.",
       [](const InferenceStats& runs) { return runs.duration_p50; });
  each("node_inference_duration_p99_seconds", "gauge", "99th percentile of that duration.",
       [](const InferenceStats& runs) { return runs.duration_p99; });
}

}  // namespace

std::string metrics_text(const Snapshot& seen, Viewers viewers) {
  MetricsWriter out(seen.pipeline);
  const auto& stats = seen.graph.stats;
  out.begin_metric("info", "gauge", "The version of freshframe.");
  out.sample({{"version", FRESHFRAME_VERSION}}, 1);
  write_states(out, seen);
  write_memory(out, stats);
  write_removed(out, stats.removed);
  write_nodes(out, stats);
  write_batches(out, seen.graph.stats);
  write_away(out, seen);
  write_edges(out, stats);
  write_drops(out, stats);
  write_workers(out, stats);
  write_inference(out, stats);
  write_spools(out, stats);
  write_publishers(out, stats);
  if (seen.gil.watching) {
    write_one(out, "gil_stalls_total", "counter",
              "Times that the process waited for the GIL for longer than the watch's threshold.",
              seen.gil.stalls);
    write_one(out, "gil_stalled_seconds_total", "counter", "Total seconds of these stalls.",
              seen.gil.stalled_total);
  }
  if (viewers == Viewers::Known) {
    write_viewers(out, seen);
    write_looks(out, seen);
  }
  return std::move(out).take();
}

}  // namespace freshframe::serve
