// The twin of ../refused/pass_unique_ptr.cpp that must compile.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include <memory>

namespace gil = freshframe::gil;

struct Job {
  gil::Ref callback;
};

void work(gil::Held& held, const std::unique_ptr<Job>& a) {
  gil::release(held, [](const std::unique_ptr<Job>& b) { (void)b; }, a);
}
