// State as JSON, schema version 1.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/state_json.hpp"

#include "freshframe/stats_fields.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "serve/state/json.hpp"

namespace freshframe::serve {
namespace {

constexpr int kSchema = 1;

template <class Map>
void write_causes(JsonWriter& json, std::string_view key, const Map& causes) {
  json.key(key).begin_object();
  for (const auto& [cause, count] : causes) json.member(to_string(cause), count);
  json.end_object();
}

// Writes null for an empty string.
void write_text(JsonWriter& json, std::string_view key, const std::string& text) {
  text.empty() ? json.key(key).null() : json.member(key, std::string_view(text));
}

// {"exposure": 100, "gain": "auto"}
void write_field(JsonWriter& json, std::string_view name,
                 const std::map<std::string, std::optional<std::int64_t>>& settings) {
  json.key(name).begin_object();
  for (const auto& [setting, number] : settings) {
    number ? json.member(setting, *number) : json.member(setting, "auto");
  }
  json.end_object();
}

template <class Value>
void write_field(JsonWriter& json, std::string_view name, const Value& value) {
  if constexpr (std::is_same_v<Value, double>) {
    if (is_quantile(name)) {
      json.member(name, drop_unmeasured(value));
      return;
    }
  }
  if constexpr (std::is_same_v<Value, std::string>) {
    write_text(json, name, value);
  } else {
    json.member(name, value);
  }
}

template <class Fields, class Stats>
void write_fields(JsonWriter& json, const Fields& fields, const Stats& stats) {
  for_each_field(fields, [&](const auto& field) { write_field(json, field.name, stats.*field.member); });
}

void write_error(JsonWriter& json, const std::optional<core::ErrorNote>& error) {
  json.key("error");
  if (!error) {
    json.null();
    return;
  }
  json.begin_object()
      .member("node", std::string_view(error->node))
      .member("message", std::string_view(error->text));
  write_text(json, "traceback", error->traceback);
  json.end_object();
}

void write_sender(JsonWriter& json, const SenderStats& sender) {
  json.key("sender").begin_object();
  write_fields(json, kSenderFields, sender);
  json.key("failures").begin_array();
  for (const auto& failure : sender.failures) json.value(std::string_view(failure));
  json.end_array().end_object();
}

void write_source(JsonWriter& json, const Snapshot& seen, std::size_t index) {
  const auto& node = seen.graph.stats.nodes[index];
  const auto& source = node.source;
  json.key("source");
  if (!source) {
    json.null();
    return;
  }
  json.begin_object().member("state", freshframe::to_string(source->state));
  write_fields(json, kSourceFields, *source);
  json.member("undecoded_rate", seen.node_rates[index].undecoded).member("away_for", seen.away[index]);
  if (source->sender) write_sender(json, *source->sender);
  // For the link to the page that sends this camera.
  if (const auto token = seen.sender_tokens.find(node.name); token != seen.sender_tokens.end())
    json.member("sender_token", std::string_view(token->second));
  json.end_object();
}

// Present only for nodes in worker processes.
void write_workers(JsonWriter& json, const NodeStats& node) {
  if (node.workers.empty()) return;
  json.member("in_flight", node.in_flight).key("workers").begin_array();
  for (const auto& worker : node.workers) {
    json.begin_object()
        .member("pid", worker.pid > 0 ? std::optional(worker.pid) : std::nullopt)
        .member("state", freshframe::to_string(worker.state))
        .member("processed", worker.processed)
        .member("restarts", worker.restarts)
        .member("rss_bytes", worker.rss_bytes)
        .member("cpu", worker.cpu)
        .end_object();
  }
  json.end_array();
}

// Number of calls by batch size: [[3, 1], [8, 120]].
void write_batches(JsonWriter& json, const NodeStats& node) {
  if (node.batches.empty()) return;
  json.key("batches").begin_array();
  for (const auto& [size, calls] : node.batches) {
    json.begin_array().value(static_cast<double>(size)).value(static_cast<double>(calls)).end_array();
  }
  json.end_array();
}

// Present only for nodes that run a model.
void write_inference(JsonWriter& json, const NodeStats& node) {
  if (!node.inference) return;
  json.key("inference")
      .begin_object()
      .member("provider", std::string_view(node.inference->provider))
      .member("threads", node.inference->threads)
      .member("runs", node.inference->runs)
      .member("duration_p50", node.inference->duration_p50)
      .member("duration_p99", node.inference->duration_p99)
      .end_object();
}

// Present only for nodes that spool results to disk.
void write_spool(JsonWriter& json, const NodeStats& node) {
  if (!node.spool) return;
  json.key("spool").begin_object();
  write_fields(json, kSpoolFields, *node.spool);
  json.end_object();
}

// Present only for nodes that publish a stream.
void write_publish(JsonWriter& json, const NodeStats& node) {
  if (!node.publish) return;
  json.key("publish").begin_object().member("state", freshframe::to_string(node.publish->state));
  write_fields(json, kPublishFields, *node.publish);
  json.end_object();
}

// Present only for nodes with a join.
void write_join(JsonWriter& json, const NodeStats& node) {
  if (!node.join) return;
  const auto& join = *node.join;
  json.key("join").begin_object().member("by", freshframe::to_string(join.by));
  write_fields(json, kJoinFields, join);
  json.key("parents").begin_array();
  for (const auto& parent : join.parents) {
    json.begin_object()
        .member("parent", std::string_view(parent.parent))
        .member("unmatched", parent.unmatched)
        .member("late", parent.late)
        .member("nearest", parent.nearest)
        .end_object();
  }
  json.end_array().end_object();
}

// 0 once the pipeline has ended; stats() then gives the average of the whole run.
double compute_rate(const NodeStats& node) {
  return has_ended(node.state) ? 0 : node.rate;
}

void write_node(JsonWriter& json, const Snapshot& seen, std::size_t index) {
  const auto& node = seen.graph.stats.nodes[index];
  const auto& about = seen.graph.nodes[index];
  json.begin_object()
      .member("name", std::string_view(node.name))
      .member("number", node.number)
      .member("kind", to_string(about.kind))
      .member("packets_of", about.packets_of.empty() ? std::nullopt : std::optional(about.packets_of))
      .member("language", about.outside ? "python" : "native")
      .member("state", freshframe::to_string(node.state));
  for_each_field(kNodeFields, [&](const auto& field) {
    if (!about.outside && field.name.starts_with("gil_")) {
      json.key(field.name).null();  // native nodes never wait for the GIL
    } else if (field.name == "rate") {
      json.member(field.name, compute_rate(node));
    } else {
      write_field(json, field.name, node.*field.member);
    }
  });
  const auto& rates = seen.node_rates[index];
  const auto gil = [&](double rate) { return about.outside ? std::optional(rate) : std::nullopt; };
  json.member("gil_wait_rate", gil(rates.gil_wait)).member("gil_hold_rate", gil(rates.gil_hold));
  write_causes(json, "drops", node.drops);
  write_causes(json, "drop_rate", rates.drops);
  json.member("lost_rate", rates.lost);
  write_source(json, seen, index);
  write_workers(json, node);
  write_batches(json, node);
  write_inference(json, node);
  write_spool(json, node);
  write_publish(json, node);
  write_join(json, node);
  const bool viewed = std::ranges::any_of(seen.views, [&](const auto& view) {
    return std::ranges::find(about.views, view.port) != about.views.end();
  });
  json.member("view", viewed).end_object();
}

void write_edge(JsonWriter& json, const Snapshot& seen, std::size_t index) {
  const auto& edge = seen.graph.stats.edges[index];
  const auto& readers = seen.graph.readers;
  json.begin_object()
      .member("number", edge.number)
      .member("parent", std::string_view(edge.parent))
      .member("child", std::string_view(edge.child))
      .member("of", std::string_view(edge.of))
      .member("reader", std::ranges::find(readers, edge.child) != readers.end());
  json.key("queue")
      .begin_object()
      .member("depth", edge.queue.depth)
      .member("source_count", edge.source_count)
      .member("when_full", freshframe::to_string(edge.queue.when_full))
      .member("blocks", edge.queue.blocks())
      .member("skips", skips_when_full(edge.queue, edge.joined))
      .member("name", std::string_view(freshframe::to_string(edge.queue)))
      .member("max_rate", edge.max_rate)
      .member("every", edge.every)
      .end_object();
  write_fields(json, kEdgeFields, edge);
  write_causes(json, "drops", edge.drops);
  json.member("rate", seen.edge_rates[index].delivered);
  write_causes(json, "drop_rate", seen.edge_rates[index].drops);
  json.member("lost_rate", seen.edge_rates[index].lost);
  json.end_object();
}

void write_gil(JsonWriter& json, const Snapshot& seen) {
  double wait = 0;
  double hold = 0;
  for (std::size_t i = 0; i < seen.graph.nodes.size(); ++i) {
    if (!seen.graph.nodes[i].outside) continue;
    wait += seen.graph.stats.nodes[i].gil_wait;
    hold += seen.graph.stats.nodes[i].gil_hold;
  }
  const auto& gil = seen.gil;
  json.key("gil")
      .begin_object()
      .member("wait", wait)
      .member("hold", hold)
      .member("watching", gil.watching)
      .member("stalls", gil.stalls)
      .member("stalled_total", gil.stalled_total);
  json.key("stalled_for");
  gil.now ? json.value(gil.now->seconds) : json.null();
  json.key("stalled_by");
  if (gil.now) {
    json.begin_object();
    write_text(json, "thread", gil.now->thread);
    write_text(json, "native", gil.now->native);
    write_text(json, "python", gil.now->python);
    write_text(json, "program", gil.now->program);
    json.end_object();
  } else {
    json.null();
  }
  json.key("culprits").begin_array();
  for (const auto& culprit : gil.culprits) {
    json.begin_object();
    write_text(json, "native", culprit.native);
    write_text(json, "python", culprit.python);
    write_text(json, "program", culprit.program);
    json.member("count", culprit.count)
        .member("total", culprit.total)
        .member("max", culprit.max)
        .member("p50", culprit.p50)
        .end_object();
  }
  json.end_array().end_object();
}

void write_pool(JsonWriter& json, const Stats& stats) {
  json.key("pool")
      .begin_object()
      .member("bound", stats.pool.bound)
      .member("in_use", stats.pool.in_use)
      .member("allocated", stats.pool.memory.allocated)
      .member("reused", stats.pool.memory.reused)
      .member("idle_bytes", stats.pool.memory.idle_bytes)
      .end_object();
  json.member("held_bytes", stats.held_bytes);
  json.member("device_bytes", stats.device_bytes);
}

void write_events(JsonWriter& json, const EventLog& log) {
  json.key("events").begin_array();
  for (const auto& event : log.events()) {
    json.begin_object()
        .member("id", event.id)
        .member("time", event.time)
        .member("first", event.first)
        .member("count", event.count)
        .member("kind", std::string_view(event.kind))
        .member("subject", std::string_view(event.subject))
        .member("text", std::string_view(event.text))
        .end_object();
  }
  json.end_array();
}

void write_problems(JsonWriter& json, const std::vector<Finding>& findings) {
  json.key("problems").begin_array();
  for (const auto& finding : findings) {
    json.begin_object()
        .member("kind", std::string_view(finding.kind))
        .member("subject", std::string_view(finding.subject))
        .member("text", std::string_view(finding.text));
    if (!finding.remedy.empty()) json.member("remedy", std::string_view(finding.remedy));
    if (const auto ago = finding.evidence.find("ago"); ago != finding.evidence.end())
      json.member("ago", ago->second);
    json.end_object();
  }
  json.end_array();
}

void write_finding(JsonWriter& json, const Finding& finding) {
  json.begin_object()
      .member("kind", std::string_view(finding.kind))
      .member("subject", std::string_view(finding.subject))
      .member("text", std::string_view(finding.text))
      .member("remedy", std::string_view(finding.remedy));
  json.key("evidence").begin_object();
  for (const auto& [name, number] : finding.evidence) json.member(name, number);
  json.end_object().end_object();
}

void write_age(JsonWriter& json, const Age& age) {
  json.begin_object()
      .member("consumer", std::string_view(age.consumer))
      .member("reader", age.is_reader)
      .member("samples", age.samples)
      .member("unknown", age.unknown)
      .member("duration", age.duration)
      .member("interval", age.interval)
      .member("mean", age.mean)
      .member("oldest_mean", age.oldest_mean);
  json.key("parts").begin_array();
  for (const auto& part : age.parts) {
    json.begin_object()
        .member("kind", to_string(part.kind))
        .member("node", std::string_view(part.node))
        .member("mean", part.mean)
        .member("oldest_mean", part.oldest_mean)
        .end_object();
  }
  json.end_array().end_object();
}

void write_series(JsonWriter& json, std::string_view key, const Series& points) {
  json.key(key).begin_array();
  for (const auto& point : points) json.value(point);
  json.end_array();
}

}  // namespace

std::string state_json(const Sampler& sampler, bool typed) {
  const auto& seen = sampler.snapshot();
  const auto& stats = seen.graph.stats;
  JsonWriter json;
  json.begin_object();
  if (typed) json.member("type", "state");
  json.member("schema", kSchema)
      .member("version", FRESHFRAME_VERSION)
      .member("name", std::string_view(seen.pipeline))
      .member("phase", to_string(seen.graph.phase));
  write_error(json, seen.error);
  json.member("time", seen.time).member("elapsed", stats.elapsed);
  json.key("nodes").begin_array();
  for (std::size_t i = 0; i < stats.nodes.size(); ++i) write_node(json, seen, i);
  json.end_array().key("edges").begin_array();
  for (std::size_t i = 0; i < stats.edges.size(); ++i) write_edge(json, seen, i);
  json.end_array();
  write_gil(json, seen);
  write_pool(json, stats);
  json.key("views").begin_array();
  for (const auto& view : seen.views) {
    json.begin_object()
        .member("port", std::string_view(view.port))
        .member("encoded", view.encoded)
        .member("viewers", view.viewers)
        .key("watchers")
        .begin_array();
    for (const auto& watcher : view.watchers)
      json.begin_object().member("jpeg", watcher.jpeg).member("left_out", watcher.left_out).end_object();
    json.end_array().end_object();
  }
  json.end_array().member("viewers", seen.viewers).key("looks").begin_array();
  for (const auto& look : seen.looks) {
    json.begin_object()
        .member("look", std::string_view(look.name))
        .member("answered", look.answered)
        .member("refused", look.refused)
        .member("failed", look.failed)
        .end_object();
  }
  json.end_array();
  write_problems(json, seen.findings);
  write_events(json, sampler.events());
  json.end_object();
  return std::move(json).take();
}

std::string why_json(const Why& why) {
  JsonWriter json;
  json.begin_object()
      .member("schema", kSchema)
      .member("version", FRESHFRAME_VERSION)
      .member("text", std::string_view(to_string(why)))
      .member("is_running", why.is_running)
      .member("watched_for", why.watched_for)
      .member("needed", why.needed);
  json.key("unsettled").begin_array();
  for (const auto& name : why.unsettled) json.value(std::string_view(name));
  json.end_array().key("findings").begin_array();
  for (const auto& finding : why.findings) write_finding(json, finding);
  json.end_array().key("ages").begin_array();
  for (const auto& age : why.ages) write_age(json, age);
  json.end_array().end_object();
  return std::move(json).take();
}

std::string history_json(const History& history) {
  JsonWriter json;
  json.begin_object().member("type", "history").member("interval", 1.0).member("time", history.time);
  json.key("edges").begin_array();
  for (std::size_t i = 0; i < history.edges.size(); ++i) {
    const auto& series = history.edges[i];
    json.begin_object().member("number", history.edge_numbers[i]);
    write_series(json, "rate", series.rate);
    write_series(json, "dropped", series.dropped);
    write_series(json, "waiting", series.waiting);
    write_series(json, "age_p50", series.age_p50);
    json.end_object();
  }
  json.end_array().key("nodes").begin_array();
  for (std::size_t i = 0; i < history.node_rates.size(); ++i) {
    json.begin_object().member("number", history.node_numbers[i]);
    write_series(json, "rate", history.node_rates[i]);
    json.end_object();
  }
  json.end_array().end_object();
  return std::move(json).take();
}

}  // namespace freshframe::serve
