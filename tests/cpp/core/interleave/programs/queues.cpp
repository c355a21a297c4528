// Programs about the queues of an inbox: each policy, batches, removals and stops.
// SPDX-License-Identifier: Apache-2.0
#include "edges.hpp"

namespace freshframe::interleave {
namespace {

FRESHFRAME_INTERLEAVE(LatestTakeClose, Edges) {
  edge(kLatest);
  follows_model();
  thread("producer", [this] { put(0), put(1); });
  thread("consumer", [this] { take_all(); });
  thread("stopper", [this] { close(); });
}

// Nothing is lost, and the end arrives after the samples.
FRESHFRAME_INTERLEAVE(BlocksTakeEnd, Edges) {
  edge(kOneBlocks);
  follows_model();
  thread("producer", [this] { put(0), put(1), put(2), end(); });
  thread("consumer", [this] { take_all(); });
  finally([this] { expect(received() == 3, "a queue that blocks has lost a sample"); });
}

FRESHFRAME_INTERLEAVE(BlocksTakeClose, Edges) {
  edge(kOneBlocks);
  follows_model();
  thread("producer", [this] { put(0), put(1), put(2); });
  thread("consumer", [this] { take_all(); });
  thread("stopper", [this] { close(); });
}

// A reader calls latest() while its edge is removed.
FRESHFRAME_INTERLEAVE(LatestNewestRemove, Edges) {
  edge(kLatest);
  thread("producer", [this] { put(0), put(1), put(2); });
  thread("reader", [this] { newest(), newest(); });
  thread("remover", [this] { remove(0); });
}

FRESHFRAME_INTERLEAVE(TwoNewestTake, Edges) {
  edge(kTwoDropsNewest);
  follows_model();
  thread("producer", [this] { put(0), put(1), put(2); });
  thread("reader", [this] { newest(), newest(); });
  thread("stopper", [this] { close(); });
}

// A producer waits for room on an edge that is removed.
FRESHFRAME_INTERLEAVE(BlocksRemove, Edges) {
  edge(kOneBlocks);
  edge(kLatest);
  thread("producer", [this] { put(0), put(1), put(2), end(0); });
  thread("consumer", [this] { take_all(); });
  thread("remover", [this] { remove(0), put(7, 1), end(1); });
}

FRESHFRAME_INTERLEAVE(BatchTwoClose, Edges) {
  edge(kLatest);
  edge(kLatest);
  thread("left", [this] { put(0), put(1); });
  thread("right", [this] { put(0, 1); });
  thread("consumer", [this] { take_batches({2, .01}); });
  thread("stopper", [this] { close(); });
}

constexpr double kForever = 1e6;  // seconds: if the batch ends by timeout, a wake-up was lost

FRESHFRAME_INTERLEAVE(BatchTwoEnd, Edges) {
  edge(kOneBlocks);
  edge(kOneBlocks);
  needs_no_deadline();
  thread("left", [this] { put(0), put(1), end(); });
  thread("right", [this] { put(0, 1), put(1, 1), end(1); });
  thread("consumer", [this] { take_batches({2, kForever}); });
  finally([this] { expect(received() == 4, "a queue that blocks has lost a sample"); });
}

// All edges are full, so the batch cannot grow and is returned before it reaches its size.
FRESHFRAME_INTERLEAVE(BatchFullBelowSize, Edges) {
  edge(kOneBlocks);
  edge(kOneBlocks);
  needs_no_deadline();
  thread("left", [this] { put(0), put(1), end(); });
  thread("right", [this] { put(0, 1), put(1, 1), end(1); });
  thread("consumer", [this] { take_batches({3, kForever}); });
}

// A sample is kept only if a consumer is waiting for it.
FRESHFRAME_INTERLEAVE(NextTakeEnd, Edges) {
  edge(kNext);
  thread("producer", [this] { put(0), put(1), end(); });
  thread("consumer", [this] { take_all(); });
}

FRESHFRAME_INTERLEAVE(BlocksBooksClose, Edges) {
  edge(kOneBlocks);
  follows_model();
  thread("producer", [this] { put(0), put(1); });
  thread("consumer", [this] { take_all(); });
  thread("auditor", [this] { audit(); });
  thread("stopper", [this] { close(); });
}

// A node is replaced: its edge accepts nothing more, delivers its end and is finished.
FRESHFRAME_INTERLEAVE(BlocksCloseEdge, Edges) {
  edge(kOneBlocks);
  thread("producer", [this] { put(0), put(1), end(); });
  thread("consumer", [this] { take_all(); });
  thread("changer", [this] { inbox_.close_edge(*edges_[0]); });
  finally(
      [this] { expect(is_over(inbox_, *edges_[0]), "an edge that was closed and has ended is not over"); });
}

// After a stop, waiting samples may be taken until a deadline, and a last result still passes.
FRESHFRAME_INTERLEAVE(Drain, Edges) {
  EdgeSetup finishing;
  finishing.queue = kOneBlocks;
  finishing.finishes = true;
  edge(finishing);
  thread("producer", [this] { put(0), put(1), put(2, 0, true), end(); });
  thread("consumer", [this] { take_all(); });
  thread("stopper", [this] {
    inbox_.expect_close();
    inbox_.close(Closing::ForNew, simulated_clock()->now() + std::chrono::seconds(5));
  });
}

}  // namespace
}  // namespace freshframe::interleave
