// A node's output, as children and readers name it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe {

/// A port without its type: a node's samples, all of them or the samples of one source.
struct AnyPort {
  AnyPort(int index, int only = -1) : node(index), source(only) {}  // NOLINT(google-explicit-constructor)

  int node;
  int source;  // -1: of all that reach the node
};

/// Output of a node. Children and readers name it as their parent.
template <class T>
struct Port {
  int node = -1;
  int source = -1;  // -1: all samples of the node

  /// The samples of one source only: the source `port`, or the single source above it. add() and reader()
  /// throw GraphError when there is more than one, or when it cannot reach this node.
  template <class U>
  [[nodiscard]] Port of(Port<U> port) const {
    return {node, port.source >= 0 ? port.source : port.node};
  }
  [[nodiscard]] AnyPort any() const { return {node, source}; }
};

}  // namespace freshframe
