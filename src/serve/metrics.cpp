// One table of metrics per kind of thing; the format wants all samples of a metric together.
// SPDX-License-Identifier: Apache-2.0
#include "serve/metrics.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "serve/json.hpp"

namespace freshframe::serve {
namespace {

using Label = std::pair<std::string_view, std::string_view>;

class MetricsWriter {
 public:
  explicit MetricsWriter(std::string_view pipeline) : pipeline_(pipeline) {}

  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP ";
    out_ += name;
    out_ += ' ';
    out_ += help;
    out_ += "\n# TYPE ";
    out_ += name;
    out_ += ' ';
    out_ += type;
    out_ += '\n';
  }

  template <class T>
  void sample(std::initializer_list<Label> labels, T value) {
    out_ += name_;
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
    for (const char c : valid_utf8(text)) {
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
  std::string_view name_;
  std::string pipeline_;
};

// A metric that is one number of each item.
template <class Item, class Value>
struct Row {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  Value (*get)(const Item&);
};

constexpr std::array<Row<NodeStats, std::uint64_t>, 2> kNodeCounters = {{
    {"freshframe_node_processed_total", "counter", "Samples that the node has finished.",
     [](const NodeStats& node) { return node.processed; }},
    {"freshframe_node_errors_total", "counter", "Exceptions that the node has thrown.",
     [](const NodeStats& node) { return node.errors; }},
}};

constexpr std::array<Row<NodeStats, double>, 6> kNodeNumbers = {{
    {"freshframe_node_rate", "gauge", "Samples per second over the last second.",
     [](const NodeStats& node) { return node.fps; }},
    {"freshframe_node_busy_ratio", "gauge", "Share of its life that the node spent working, 0 to 1.",
     [](const NodeStats& node) { return node.busy; }},
    {"freshframe_node_duration_p50_seconds", "gauge", "Median seconds per sample, over the whole run.",
     [](const NodeStats& node) { return node.p50; }},
    {"freshframe_node_duration_p99_seconds", "gauge", "99th percentile of seconds per sample.",
     [](const NodeStats& node) { return node.p99; }},
    {"freshframe_node_gil_wait_seconds_total", "counter", "Seconds that a Python node waited for the GIL.",
     [](const NodeStats& node) { return node.lock_wait; }},
    {"freshframe_node_gil_hold_seconds_total", "counter", "Seconds that a Python node computed with the GIL.",
     [](const NodeStats& node) { return node.lock_hold; }},
}};

constexpr std::array<Row<EdgeStats, std::uint64_t>, 3> kEdgeCounters = {{
    {"freshframe_edge_passed_in_total", "counter", "Samples offered to the edge.",
     [](const EdgeStats& edge) { return edge.passed_in; }},
    {"freshframe_edge_delivered_total", "counter", "Samples that the consumer took from the edge.",
     [](const EdgeStats& edge) { return edge.delivered; }},
    {"freshframe_edge_waiting_samples", "gauge", "Samples in the edge's queue.",
     [](const EdgeStats& edge) { return edge.waiting; }},
}};

constexpr std::array<Row<EdgeStats, double>, 3> kEdgeNumbers = {{
    {"freshframe_edge_depth_samples", "gauge", "Samples that the edge's queue can hold.",
     [](const EdgeStats& edge) { return static_cast<double>(edge.queue.depth); }},
    {"freshframe_edge_age_p50_seconds", "gauge", "Median age of samples when the consumer takes them.",
     [](const EdgeStats& edge) { return edge.age_p50; }},
    {"freshframe_edge_age_p99_seconds", "gauge", "99th percentile of that age.",
     [](const EdgeStats& edge) { return edge.age_p99; }},
}};

constexpr std::array<Row<SourceStats, std::uint64_t>, 4> kSourceCounters = {{
    {"freshframe_source_outages_total", "counter", "How often the source was without a connection.",
     [](const SourceStats& source) { return source.outages; }},
    {"freshframe_source_reconnects_total", "counter", "Outages that ended.",
     [](const SourceStats& source) { return source.reconnects; }},
    {"freshframe_source_stalls_total", "counter", "How often nothing came from the source for a while.",
     [](const SourceStats& source) { return source.stalls; }},
    {"freshframe_source_size_changes_total", "counter", "How often frames of another size came.",
     [](const SourceStats& source) { return source.size_changes; }},
}};

constexpr std::array<Row<SourceStats, double>, 2> kSourceNumbers = {{
    {"freshframe_source_outage_seconds_total", "counter", "Seconds that the source was without a connection.",
     [](const SourceStats& source) { return source.outage_seconds; }},
    {"freshframe_source_decoder_delay_frames", "gauge",
     "Frames that the decoder held back at the last frame.",
     [](const SourceStats& source) { return static_cast<double>(source.decoder_delay); }},
}};

template <class Rows>
void write_nodes(MetricsWriter& out, const Stats& stats, const Rows& rows) {
  for (const auto& row : rows) {
    out.begin(row.name, row.type, row.help);
    for (const auto& node : stats.nodes) out.sample({{"node", node.name}}, row.get(node));
  }
}

template <class Rows>
void write_edges(MetricsWriter& out, const Stats& stats, const Rows& rows) {
  for (const auto& row : rows) {
    out.begin(row.name, row.type, row.help);
    for (const auto& edge : stats.edges) {
      out.sample({{"parent", edge.parent}, {"child", edge.child}}, row.get(edge));
    }
  }
}

template <class Rows>
void write_sources(MetricsWriter& out, const Stats& stats, const Rows& rows) {
  for (const auto& row : rows) {
    out.begin(row.name, row.type, row.help);
    for (const auto& node : stats.nodes) {
      if (node.source) out.sample({{"node", node.name}}, row.get(*node.source));
    }
  }
}

template <class Cause, class Map>
std::uint64_t count_of(const Map& drops, int cause) {
  const auto found = drops.find(static_cast<Cause>(cause));
  return found != drops.end() ? found->second : 0;
}

// Every cause from the start, so that a first drop is a step and no new series.
void write_drops(MetricsWriter& out, const Stats& stats) {
  out.begin("freshframe_node_dropped_total", "counter", "Frames lost in the node, by cause.");
  for (const auto& node : stats.nodes) {
    for (int i = 0; i < kNodeDropCauses; ++i) {
      out.sample({{"node", node.name}, {"cause", freshframe::to_string(static_cast<NodeDropCause>(i))}},
                 count_of<NodeDropCause>(node.drops, i));
    }
  }
  out.begin("freshframe_edge_dropped_total", "counter", "Samples dropped on the edge, by cause.");
  for (const auto& edge : stats.edges) {
    for (int i = 0; i < kDropCauses; ++i) {
      out.sample({{"parent", edge.parent},
                  {"child", edge.child},
                  {"cause", freshframe::to_string(static_cast<DropCause>(i))}},
                 count_of<DropCause>(edge.drops, i));
    }
  }
}

void write_states(MetricsWriter& out, const Observation& seen) {
  out.begin("freshframe_node_state", "gauge", "1 for the state that the node is in.");
  for (const auto& node : seen.overview.stats.nodes) {
    out.sample({{"node", node.name}, {"state", state_name(node.state)}}, 1);
  }
  out.begin("freshframe_source_state", "gauge", "1 for the state that the source is in.");
  for (const auto& node : seen.overview.stats.nodes) {
    if (!node.source) continue;
    out.sample({{"node", node.name}, {"state", freshframe::to_string(node.source->state)}}, 1);
  }
  out.begin("freshframe_pipeline_phase", "gauge", "1 for the phase that the pipeline is in.");
  out.sample({{"phase", to_string(seen.overview.phase)}}, 1);
  out.begin("freshframe_pipeline_healthy", "gauge", "1 while frames flow, as /healthz says it.");
  out.sample({}, health_of(seen).good ? 1 : 0);
}

template <class T>
void write_one(MetricsWriter& out, std::string_view name, std::string_view type, std::string_view help,
               T value) {
  out.begin(name, type, help);
  out.sample({}, value);
}

void write_memory(MetricsWriter& out, const Stats& stats) {
  const auto& pool = stats.pool;
  write_one(out, "freshframe_pipeline_uptime_seconds", "gauge", "Seconds since the start, until the end.",
            stats.uptime);
  write_one(out, "freshframe_frames_bound", "gauge", "Frames that the engine may hold at once.", pool.bound);
  write_one(out, "freshframe_frames_published", "gauge", "Frames that the engine holds.", pool.published);
  write_one(out, "freshframe_held_by_python_bytes", "gauge", "Picture memory held only outside the engine.",
            stats.held_bytes);
  write_one(out, "freshframe_pool_allocated_total", "counter", "Picture buffers taken from the system.",
            pool.memory.allocated);
  write_one(out, "freshframe_pool_reused_total", "counter", "Requests served from idle picture buffers.",
            pool.memory.reused);
  write_one(out, "freshframe_pool_idle_bytes", "gauge", "Picture memory kept for reuse.",
            pool.memory.idle_bytes);
}

void write_viewers(MetricsWriter& out, const Observation& seen) {
  write_one(out, "freshframe_viewers", "gauge", "Browsers and programs that watch the pipeline live.",
            seen.viewers);
  out.begin("freshframe_view_encoded_total", "counter",
            "Pictures of the port that were encoded for viewers.");
  for (const auto& view : seen.views) out.sample({{"port", view.port}}, view.encoded);
}

}  // namespace

std::string metrics_text(const Observation& seen, Viewers viewers) {
  MetricsWriter out(seen.pipeline);
  const auto& stats = seen.overview.stats;
  out.begin("freshframe_info", "gauge", "The version that runs.");
  out.sample({{"version", FRESHFRAME_VERSION}}, 1);
  write_states(out, seen);
  write_memory(out, stats);
  write_nodes(out, stats, kNodeCounters);
  write_nodes(out, stats, kNodeNumbers);
  write_sources(out, stats, kSourceCounters);
  write_sources(out, stats, kSourceNumbers);
  write_edges(out, stats, kEdgeCounters);
  write_edges(out, stats, kEdgeNumbers);
  write_drops(out, stats);
  if (seen.lock.watching) {
    write_one(out, "freshframe_gil_stalls_total", "counter",
              "How often the process was kept from the GIL for longer than the watch's threshold.",
              seen.lock.stalls);
    write_one(out, "freshframe_gil_stalled_seconds_total", "counter", "Seconds of those stalls.",
              seen.lock.stalled);
  }
  if (viewers == Viewers::Known) write_viewers(out, seen);
  return std::move(out).take();
}

}  // namespace freshframe::serve
