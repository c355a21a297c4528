// Finds the sources of a pipeline that a browser feeds, for the server.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/feeds.hpp"

#include "freshframe/error.hpp"

namespace freshframe::core {

std::vector<NamedFeed> find_feeds(const PipelineParts& core) {
  std::vector<NamedFeed> found;
  for (const auto& runner : core.runners()) {
    const auto node = runner->node();
    if (auto* const fed = node->abilities().fed) found.push_back({runner->name(), fed->feed()});
  }
  return found;
}

void serve_feeds(PipelineParts& core, bool served) {
  core.feed_servers() += served ? 1 : -1;
}

void check_served(const PipelineParts& core, const std::string& name, NodeBase& node) {
  if (core.serves_feeds() || node.abilities().fed == nullptr) return;
  throw StateError("'" + name +
                   "' takes its frames from a browser's camera, but this pipeline is not served: call "
                   "Pipeline.serve() first, then open Dashboard.camera_url() in the browser");
}

}  // namespace freshframe::core
