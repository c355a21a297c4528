// The schema, number 1. SPDX-License-Identifier: Apache-2.0
#include "serve/state_json.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "serve/json.hpp"

namespace freshframe::serve {
namespace {

constexpr int kSchema = 1;

template <class Map>
void write_causes(JsonWriter& json, std::string_view key, const Map& causes) {
  json.key(key).begin_object();
  for (const auto& [cause, count] : causes) json.member(to_string(cause), count);
  json.end_object();
}

// "" is nobody's name: null says that there is none.
void write_text(JsonWriter& json, std::string_view key, const std::string& text) {
  text.empty() ? json.key(key).null() : json.member(key, std::string_view(text));
}

void write_error(JsonWriter& json, const std::optional<ErrorNote>& error) {
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

void write_source(JsonWriter& json, const std::optional<SourceStats>& source) {
  json.key("source");
  if (!source) {
    json.null();
    return;
  }
  json.begin_object()
      .member("state", freshframe::to_string(source->state))
      .member("outages", source->outages)
      .member("outage_seconds", source->outage_seconds)
      .member("reconnects", source->reconnects)
      .member("stalls", source->stalls)
      .member("size_changes", source->size_changes)
      .member("decoder_delay", source->decoder_delay)
      .member("wall_clock", source->wall_clock)
      .member("last_error", std::string_view(source->last_error))
      .end_object();
}

void write_node(JsonWriter& json, const Observation& seen, std::size_t index) {
  const auto& node = seen.overview.stats.nodes[index];
  const auto& about = seen.overview.nodes[index];
  json.begin_object()
      .member("name", std::string_view(node.name))
      .member("kind", to_string(about.kind))
      .member("language", about.outside ? "python" : "native")
      .member("state", state_name(node.state))
      .member("processed", node.processed)
      .member("fps", node.fps)
      .member("busy", node.busy)
      .member("p50", measured(node.p50))
      .member("p99", measured(node.p99));
  if (about.outside) {
    const auto& rates = seen.node_rates[index];
    json.member("gil_wait", node.lock_wait)
        .member("gil_hold", node.lock_hold)
        .member("gil_wait_rate", rates.lock_wait)
        .member("gil_hold_rate", rates.lock_hold);
  } else {
    for (const char* key : {"gil_wait", "gil_hold", "gil_wait_rate", "gil_hold_rate"}) json.key(key).null();
  }
  json.member("errors", node.errors).member("dropped", node.dropped);
  write_causes(json, "drops", node.drops);
  write_causes(json, "drop_rate", seen.node_rates[index].drops);
  write_source(json, node.source);
  const bool viewed =
      std::ranges::any_of(seen.views, [&](const auto& view) { return view.port == node.name; });
  json.member("view", viewed).end_object();
}

void write_edge(JsonWriter& json, const Observation& seen, std::size_t index) {
  const auto& edge = seen.overview.stats.edges[index];
  const auto& readers = seen.overview.readers;
  json.begin_object()
      .member("parent", std::string_view(edge.parent))
      .member("child", std::string_view(edge.child))
      .member("reader", std::ranges::find(readers, edge.child) != readers.end());
  json.key("queue")
      .begin_object()
      .member("depth", edge.queue.depth)
      .member("when_full", freshframe::to_string(edge.queue.when_full))
      .member("name", std::string_view(freshframe::to_string(edge.queue)))
      .end_object();
  json.member("passed_in", edge.passed_in)
      .member("delivered", edge.delivered)
      .member("waiting", edge.waiting)
      .member("dropped", edge.dropped);
  write_causes(json, "drops", edge.drops);
  json.member("rate", seen.edge_rates[index].delivered);
  write_causes(json, "drop_rate", seen.edge_rates[index].drops);
  json.member("age_p50", measured(edge.age_p50)).member("age_p99", measured(edge.age_p99)).end_object();
}

void write_lock(JsonWriter& json, const Observation& seen) {
  double wait = 0;
  double hold = 0;
  for (std::size_t i = 0; i < seen.overview.nodes.size(); ++i) {
    if (!seen.overview.nodes[i].outside) continue;
    wait += seen.overview.stats.nodes[i].lock_wait;
    hold += seen.overview.stats.nodes[i].lock_hold;
  }
  const auto& lock = seen.lock;
  json.key("gil")
      .begin_object()
      .member("wait", wait)
      .member("hold", hold)
      .member("watching", lock.watching)
      .member("stalls", lock.stalls)
      .member("stalled", lock.stalled);
  json.key("stalled_now");
  lock.now ? json.value(lock.now->seconds) : json.null();
  json.key("stalled_by");
  if (lock.now) {
    json.begin_object();
    write_text(json, "thread", lock.now->thread);
    write_text(json, "native", lock.now->native);
    write_text(json, "python", lock.now->python);
    json.end_object();
  } else {
    json.null();
  }
  json.key("culprits").begin_array();
  for (const auto& culprit : lock.culprits) {
    json.begin_object();
    write_text(json, "native", culprit.native);
    write_text(json, "python", culprit.python);
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
      .member("published", stats.pool.published)
      .member("allocated", stats.pool.memory.allocated)
      .member("reused", stats.pool.memory.reused)
      .member("idle_bytes", stats.pool.memory.idle_bytes)
      .end_object();
  json.member("held_by_python_bytes", stats.held_bytes);
}

void write_events(JsonWriter& json, const EventLog& log) {
  json.key("events").begin_array();
  for (const auto& event : log.events()) {
    json.begin_object()
        .member("id", event.id)
        .member("time", event.time)
        .member("kind", std::string_view(event.kind))
        .member("subject", std::string_view(event.subject))
        .member("text", std::string_view(event.text))
        .end_object();
  }
  json.end_array();
}

void write_series(JsonWriter& json, std::string_view key, const Series& points) {
  json.key(key).begin_array();
  for (const auto& point : points) json.value(point);
  json.end_array();
}

}  // namespace

std::string state_json(const Observer& observer, bool typed) {
  const auto& seen = observer.seen();
  const auto& stats = seen.overview.stats;
  JsonWriter json;
  json.begin_object();
  if (typed) json.member("type", "state");
  json.member("schema", kSchema)
      .member("version", FRESHFRAME_VERSION)
      .member("name", std::string_view(seen.pipeline))
      .member("phase", to_string(seen.overview.phase));
  write_error(json, seen.error);
  json.member("time", seen.time).member("uptime", stats.uptime);
  json.key("nodes").begin_array();
  for (std::size_t i = 0; i < stats.nodes.size(); ++i) write_node(json, seen, i);
  json.end_array().key("edges").begin_array();
  for (std::size_t i = 0; i < stats.edges.size(); ++i) write_edge(json, seen, i);
  json.end_array();
  write_lock(json, seen);
  write_pool(json, stats);
  json.key("views").begin_array();
  for (const auto& view : seen.views) {
    json.begin_object()
        .member("port", std::string_view(view.port))
        .member("encoded", view.encoded)
        .member("viewers", view.viewers)
        .end_object();
  }
  json.end_array().member("viewers", seen.viewers);
  write_events(json, observer.events());
  json.end_object();
  return std::move(json).take();
}

std::string history_json(const History& history) {
  JsonWriter json;
  json.begin_object().member("type", "history").member("interval", 1.0).member("time", history.time);
  json.key("edges").begin_array();
  for (const auto& series : history.edges) {
    json.begin_object();
    write_series(json, "rate", series.rate);
    write_series(json, "dropped", series.dropped);
    write_series(json, "waiting", series.waiting);
    write_series(json, "age_p50", series.age_p50);
    json.end_object();
  }
  json.end_array().key("nodes").begin_array();
  for (const auto& fps : history.node_fps) {
    json.begin_object();
    write_series(json, "fps", fps);
    json.end_object();
  }
  json.end_array().end_object();
  return std::move(json).take();
}

}  // namespace freshframe::serve
