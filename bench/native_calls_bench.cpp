// What one call of a native node costs, by each door of the C border and as the engine's own node; the node does nothing. Run by
// native_nodes.py.
//
//   native_calls_bench FUNCTION_LIBRARY CLASS_LIBRARY ROUNDS CALLS
//
// Prints one line of JSON per run: the kind and nanoseconds per call. The kinds take turns within a round.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/native.hpp"
#include "freshframe/node.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace {

using freshframe::AnySample;
using freshframe::Context;
using freshframe::Frame;
using freshframe::NodeBase;

class Own final : public freshframe::Node<Frame, double> {
 public:
  std::optional<double> process(const freshframe::Sample<Frame>& /*sample*/,
                                const Context& /*context*/) override {
    return 0.0;
  }
};

struct Kind {
  const char* name;
  std::unique_ptr<NodeBase> node;
};

std::vector<Kind> kinds_of(const std::string& functions, const std::string& classes) {
  freshframe::native::FunctionOptions options;
  options.type = &freshframe::native::dtype("float32");
  std::vector<Kind> kinds;
  kinds.push_back({"own", std::make_unique<Own>()});
  kinds.push_back({"function", freshframe::native::load_function(functions, "nothing", options)});
  kinds.push_back(
      {"class", freshframe::native::load_node(classes, "nothing", {}, freshframe::basic_pixel_ops())});
  kinds.push_back({"own again", std::make_unique<Own>()});
  return kinds;
}

double ns_per_call(NodeBase& node, const AnySample& sample, const Context& context, int calls) {
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) {
    if (!node.process_any(sample, context)) std::abort();
  }
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - began;
  return spent.count() / calls;
}

void run(const std::string& functions, const std::string& classes, int rounds, int calls) {
  const auto clock = freshframe::Clock::real();
  freshframe::NodeCounters counters;
  const Context context{std::stop_token(), *clock, counters};
  freshframe::FrameBuilder builder({.width = 640, .height = 480, .format = freshframe::PixelFormat::I420});
  const AnySample sample{{}, std::move(builder).publish(), {}};
  const auto kinds = kinds_of(functions, classes);
  for (const auto& kind : kinds) kind.node->open(context);
  for (int round = 0; round < rounds; ++round) {
    for (const auto& kind : kinds) {
      std::printf("{\"kind\": \"%s\", \"ns\": %.1f}\n", kind.name,
                  ns_per_call(*kind.node, sample, context, calls));
    }
  }
  for (const auto& kind : kinds) kind.node->close();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return 2;
  try {
    run(arguments[1], arguments[2], std::atoi(arguments[3]), std::atoi(arguments[4]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
