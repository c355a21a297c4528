// The ports of a pipeline by name: nodes, sources upstream, and taps of their images.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline/parts/pipeline_parts.hpp"
#include "core/watch/picture_tap.hpp"

namespace freshframe::core {

// Thread-safe, even while another thread builds the graph.

/// Returns the current node of this name, or null.
[[nodiscard]] std::shared_ptr<NodeBase> node_named(const PipelineParts& core, std::string_view name);
/// Returns the sources whose samples currently reach this node. Empty if the node does not exist.
[[nodiscard]] std::vector<int> sources_above(const PipelineParts& core, std::string_view node);

/// Returns the source that a port is limited to; -1: none. Throws GraphError.
[[nodiscard]] int only_source(const PipelineParts& core, const AnyPort& port);
/// Returns the ports upstream of a node that were not removed.
[[nodiscard]] std::vector<AnyPort> list_parents(const PipelineParts& core, int node);
/// Returns the name of a port for open_tap().
[[nodiscard]] std::string view_name(const PipelineParts& core, const AnyPort& port);
/// The source whose images a port shows, or whose results it sends.
struct PortSource {
  std::string name;
  std::shared_ptr<NodeBase> node;
  /// the port is the source's own or sends results, rather than frames made by a node
  bool is_its_pictures = false;
  std::weak_ptr<Runner> runner;
};
/// Returns a function that tells whether any node or reader takes the node's samples. It may be called on a
/// thread that the node waits for.
[[nodiscard]] std::function<bool()> is_taken(std::weak_ptr<Runner> runner);
/// Returns nullopt for a port that does not exist or has several sources.
[[nodiscard]] std::optional<PortSource> find_port_source(const PipelineParts& core, const std::string& port);
/// Opens a tap of the port with this name (GraphNode::views), for one client at a time. The frame budget
/// grows by one. Throws OptionError for an unknown name, GraphError for a sink or a node of several sources,
/// StateError if another client has it.
std::shared_ptr<PictureTap> open_tap(PipelineParts& core, const std::string& port, PictureTap::Hook hook);
/// A name, and the tap that open_tap() returned for it, or null.
using NamedTap = std::pair<std::string, std::shared_ptr<PictureTap>>;
/// Whether the port of this name still has the tap. Other: another port now has the name.
enum class TapChange : std::uint8_t { Same, Other, NoPort };
[[nodiscard]] std::vector<TapChange> find_places(const PipelineParts& core,
                                                 const std::vector<NamedTap>& taps);
void close_tap(PipelineParts& core, const std::shared_ptr<PictureTap>& tap);

}  // namespace freshframe::core
