// A node's output, to connect children and readers to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe {

/// An untyped port: all samples of a node, or only those of one source.
struct AnyPort {
  AnyPort(int index, int only = -1) : node(index), source(only) {}  // NOLINT(google-explicit-constructor)

  int node;
  int source;  // -1: all sources
};

/// A node's output. Pass it as a parent to add() or reader().
template <class T>
struct Port {
  int node = -1;
  int source = -1;  // -1: all sources

  /// Restricts the port to one source: `port`, or the only source upstream of it. add() and reader() throw
  /// GraphError if there are several, or if the source cannot reach this node.
  template <class U>
  [[nodiscard]] Port of(Port<U> port) const {
    return {node, port.source >= 0 ? port.source : port.node};
  }
  [[nodiscard]] AnyPort any() const { return {node, source}; }
};

}  // namespace freshframe
