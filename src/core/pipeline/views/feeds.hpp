// Finds the sources of a pipeline that a browser feeds, for the server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/pipeline/parts/pipeline_parts.hpp"
#include "core/watch/feed.hpp"

namespace freshframe::core {

// Thread-safe, even while another thread builds the graph.

/// A source that a browser feeds.
struct NamedFeed {
  std::string node;                  // its current name
  std::shared_ptr<CameraFeed> feed;  // the source's feed; a source that replaces another has a new one
};
/// Returns the fed sources in the order in which they were added.
[[nodiscard]] std::vector<NamedFeed> find_feeds(const PipelineParts& core);

/// Call once when a server starts (true) and once when it ends (false) to serve the feeds of this pipeline.
void serve_feeds(PipelineParts& core, bool served);
/// Throws StateError if a source would wait forever for a browser, without a server.
void check_served(const PipelineParts& core, const std::string& name, NodeBase& node);

}  // namespace freshframe::core
