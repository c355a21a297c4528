// The end of an output on its agent: results go to the outboxes of readers, and losses are counted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fleet/agent_end.hpp"

namespace freshframe::python {

/// Serves one output of one run. Any thread may call it.
struct OutletCounts {
  std::atomic<std::uint64_t> kept{0};     // they reached the outboxes, or no reader wanted them
  std::atomic<std::uint64_t> refused{0};  // captured after the lease's end
  std::atomic<std::uint64_t> too_large{
      0};  // of those that were kept: every reader counts them as outbox_full
};

/// Takes results of any type; frames are refused.
class FleetOutlet final : public NodeBase {
 public:
  FleetOutlet(std::shared_ptr<fleet::AgentEnd> end, std::shared_ptr<fleet::Outboxes::Stream> stream,
              std::shared_ptr<OutletCounts> counts, std::string output)
      : end_(std::move(end)),
        stream_(std::move(stream)),
        counts_(std::move(counts)),
        output_(std::move(output)) {}

  [[nodiscard]] std::string default_name() const override { return "fleet " + output_; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return type_of<Nothing>(); }
  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) override;

 private:
  [[nodiscard]] bool put(const AnySample& sample);
  void note_large(std::size_t size);

  const std::shared_ptr<fleet::AgentEnd> end_;
  const std::shared_ptr<fleet::Outboxes::Stream> stream_;
  const std::shared_ptr<OutletCounts> counts_;
  const std::string output_;
};

}  // namespace freshframe::python
