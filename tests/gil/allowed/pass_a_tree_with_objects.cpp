// The twin of ../refused/pass_a_tree_with_objects.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <vector>

namespace gil = freshframe::gil;

struct Tree {
  std::vector<Tree> children;
  gil::Ref label;
};

void work(gil::Held& held, const Tree& a) {
  gil::release(held, [](const Tree& b) { (void)b; }, a);
}
