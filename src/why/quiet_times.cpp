// The quiet times of branches: see Note [Quiet branches].
// SPDX-License-Identifier: Apache-2.0
#include "why/quiet_times.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace freshframe::core {
namespace {

using Names = std::set<std::string>;

Names through(const std::map<std::string, Names>& above, const EdgeStats& edge) {
  if (!edge.of.empty()) return {edge.of};
  const auto found = above.find(edge.parent);
  return found != above.end() ? found->second : Names();
}

// Returns the sources upstream of each node and reader.
std::map<std::string, Names> sources_above(const GraphState& seen) {
  std::map<std::string, Names> above;
  for (std::size_t i = 0; i < seen.nodes.size(); ++i) {
    if (seen.nodes[i].kind == NodeKind::Source) above[seen.stats.nodes[i].name] = {seen.stats.nodes[i].name};
  }
  for (bool grows = true; grows;) {
    grows = false;
    for (const auto& edge : seen.stats.edges) {
      const auto sources = through(above, edge);
      auto& of_child = above[edge.child];
      const auto before = of_child.size();
      of_child.insert(sources.begin(), sources.end());
      grows = grows || of_child.size() > before;
    }
  }
  return above;
}

Names with_those_below(Names names, const std::vector<EdgeStats>& edges) {
  for (std::size_t before = 0; before != names.size();) {
    before = names.size();
    for (const auto& edge : edges) {
      if (names.contains(edge.parent)) names.insert(edge.child);
    }
  }
  return names;
}

// A camera with damaged="hold" waits for the next keyframe after each loss. Its connection is unaffected, so
// the rest of its branch is judged.
bool holds_back(const NodeStats& node) {
  const auto& source = *node.source;
  return source.state == SourceState::WaitingKeyframe && node.processed > 0 &&
         source.outages == source.reconnects;
}

// Sources that have ended do not count.
bool all_unsettled(const Names& sources, const Names& unsettled, const Names& ended) {
  bool any = false;
  for (const auto& source : sources) {
    if (ended.contains(source)) continue;
    if (!unsettled.contains(source)) return false;
    any = true;
  }
  return any;
}

// Calls `note` for everything that was added, removed or changed between two checks. It receives both
// versions; one may be null.
template <class Map, class Note>
void differences(const Map& now, const Map& before, Note note) {
  for (const auto& [number, each] : now) {
    const auto old = before.find(number);
    if (old == before.end() || old->second != each) note(each);
  }
  for (const auto& [number, each] : before) {
    if (!now.contains(number)) note(each);
  }
}

}  // namespace

bool is_away(SourceState state) noexcept {
  return state != SourceState::Reading && state != SourceState::Closing && state != SourceState::Closed;
}

bool is_away(const NodeStats& node) noexcept {
  return node.source && !has_ended(node.state) && is_away(node.source->state);
}

bool QuietTimes::follow(const GraphState& seen, Time now) {
  std::map<int, std::string> nodes;
  std::map<std::int64_t, Edge> edges;
  for (const auto& node : seen.stats.nodes) {
    nodes.emplace(node.number, node.name);
    if (node.source) follow_source(node, now);
  }
  for (const auto& edge : seen.stats.edges) edges.emplace(edge.number, Edge{edge.queue, edge.child});
  Names changed;
  if (!is_first_) {
    differences(nodes, nodes_, [&](const std::string& name) { changed.insert(name); });
    differences(edges, edges_, [&](const Edge& edge) { changed.insert(edge.child); });
  }
  is_first_ = false;
  nodes_ = std::move(nodes);
  edges_ = std::move(edges);
  std::erase_if(sources_, [&](const auto& entry) { return !nodes_.contains(entry.first); });
  std::erase_if(changed_, [&](const auto& entry) { return entry.second + kQuiet < now; });
  const bool is_another = !changed.empty();
  for (const auto& name : with_those_below(std::move(changed), seen.stats.edges))
    changed_[name] = now + kQuiet;
  return is_another;
}

void QuietTimes::follow_source(const NodeStats& node, Time now) {
  const auto [entry, is_new] = sources_.try_emplace(node.number, Source{node.name, node.source->outages});
  auto& source = entry->second;
  const bool away = is_away(node);
  if ((away && !holds_back(node)) || node.source->outages != source.outages) source.until = now + kQuiet;
  source.outages = node.source->outages;
  if (!away)
    source.away_since.reset();
  else if (!source.away_since)
    source.away_since = now;
}

Quiet QuietTimes::find_quiet(const GraphState& seen, Time since) const {
  Quiet out;
  for (const auto& [name, until] : changed_) {
    if (until > since) out.changed.insert(name);
  }
  Names unsettled;
  for (const auto& [number, source] : sources_) {
    if (source.until > since) unsettled.insert(source.name);
  }
  Names ended;
  for (const auto& node : seen.stats.nodes) {
    if (has_ended(node.state)) ended.insert(node.name);
  }
  out.nodes = out.changed;
  const auto above = sources_above(seen);
  for (const auto& [name, sources] : above) {
    if (all_unsettled(sources, unsettled, ended)) out.nodes.insert(name);
  }
  for (const auto& edge : seen.stats.edges) {
    out.edges.push_back(out.has_changed(edge.child) || all_unsettled(through(above, edge), unsettled, ended));
  }
  return out;
}

std::optional<QuietTimes::Time> QuietTimes::away_since(int number) const {
  const auto found = sources_.find(number);
  return found != sources_.end() ? found->second.away_since : std::nullopt;
}

std::map<int, double> QuietTimes::away(Time now) const {
  std::map<int, double> out;
  for (const auto& [number, source] : sources_) {
    if (source.away_since) out[number] = std::chrono::duration<double>(now - *source.away_since).count();
  }
  return out;
}

std::vector<std::string> QuietTimes::names(Time now) const {
  Names out;
  for (const auto& [number, source] : sources_) {
    if (source.until > now) out.insert(source.name);
  }
  for (const auto& [name, until] : changed_) {
    if (until > now) out.insert(name);
  }
  return {out.begin(), out.end()};
}

}  // namespace freshframe::core
