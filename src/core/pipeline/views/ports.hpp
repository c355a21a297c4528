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

/// The node that works at the place of this name now. Returns null if there is no such place.
[[nodiscard]] std::shared_ptr<NodeBase> node_named(const PipelineParts& core, std::string_view name);
/// The numbers of the sources whose samples come to this node now. Empty if there is no such node.
[[nodiscard]] std::vector<int> sources_above(const PipelineParts& core, std::string_view node);

/// The number of the source that a port is limited to; -1 means it is not. Throws GraphError.
[[nodiscard]] int only_source(const PipelineParts& core, const AnyPort& port);
/// The ports above a node that were not removed.
[[nodiscard]] std::vector<AnyPort> list_parents(const PipelineParts& core, int node);
/// The name of a port for open_tap().
[[nodiscard]] std::string view_name(const PipelineParts& core, const AnyPort& port);
/// The source whose pictures a port shows, or whose results it sends.
struct PortSource {
  std::string name;
  std::shared_ptr<NodeBase> node;
  /// The port is the source's own, or sends results: no frames that a node has made.
  bool is_its_pictures = false;
  std::weak_ptr<Runner> runner;
};
/// Asks whether a node or a reader takes the node's samples. Also from a thread that the node waits for.
[[nodiscard]] std::function<bool()> is_taken(std::weak_ptr<Runner> runner);
/// Returns nullopt for a port that does not exist, and for one of several sources.
[[nodiscard]] std::optional<PortSource> find_port_source(const PipelineParts& core, const std::string& port);
/// A tap of the port with this name (GraphNode::views), for one client at a time; the bound grows by one
/// frame. Throws OptionError for another name, GraphError for a sink and for a node of several sources,
/// StateError when it is taken.
std::shared_ptr<PictureTap> open_tap(PipelineParts& core, const std::string& port, PictureTap::Hook hook);
/// A name and the tap that open_tap() has given for it, or null.
using NamedTap = std::pair<std::string, std::shared_ptr<PictureTap>>;
/// Whether the port with its name still has the tap. Other means that another port has the name now.
enum class TapChange : std::uint8_t { Same, Other, NoPort };
[[nodiscard]] std::vector<TapChange> find_places(const PipelineParts& core,
                                                 const std::vector<NamedTap>& taps);
void close_tap(PipelineParts& core, const std::shared_ptr<PictureTap>& tap);

}  // namespace freshframe::core
