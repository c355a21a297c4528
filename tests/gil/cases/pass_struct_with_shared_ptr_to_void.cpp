// A view that keeps its owner alive, whatever it is.
// SPDX-License-Identifier: Apache-2.0
// expect: gil::release: an argument is or holds a void* or a smart pointer to void
#include "freshframe/gil.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace gil = freshframe::gil;

struct View {
#ifdef FIXED
  std::shared_ptr<std::vector<double>> keep;
#else
  std::shared_ptr<void> keep;
#endif
  const double* data;
  std::size_t size;
};

void work(gil::Held& held, const View& a) {
  gil::release(held, [](const View& b) { (void)b; }, a);
}
