// The Hungarian method by shortest augmenting paths.
// SPDX-License-Identifier: Apache-2.0
//
// After R. Jonker, A. Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment
// problems", Computing 1987, without its initialisation, because the tables here are small.
#include "vision/tracking/assignment.hpp"

#include <cstddef>
#include <limits>
#include <vector>

namespace freshframe::vision {

namespace {

// A forbidden pair costs more than any exchange of allowed pairs could save, so the number of allowed pairs
// is maximised first.
constexpr double kForbidden = 1e6;

}  // namespace

void Assignment::start(std::size_t rows, std::size_t columns) {
  rows_ = rows;
  columns_ = columns;
  costs_.assign(rows * columns, kForbidden);
}

double Assignment::cost(std::size_t worker, std::size_t job) const {
  return rows_ <= columns_ ? costs_[(worker - 1) * columns_ + job - 1]
                           : costs_[(job - 1) * columns_ + worker - 1];
}

const std::vector<int>& Assignment::solve() {
  workers_ = rows_ <= columns_ ? rows_ : columns_;
  jobs_ = rows_ <= columns_ ? columns_ : rows_;
  worker_price_.assign(workers_ + 1, 0);
  job_price_.assign(jobs_ + 1, 0);
  worker_of_job_.assign(jobs_ + 1, 0);
  previous_job_.assign(jobs_ + 1, 0);
  for (std::size_t worker = 1; worker <= workers_; ++worker) add_worker(worker);
  column_of_row_.assign(rows_, -1);
  for (std::size_t job = 1; job <= jobs_; ++job) {
    const std::size_t worker = worker_of_job_[job];
    if (worker == 0 || cost(worker, job) >= kForbidden) continue;
    const std::size_t row = rows_ <= columns_ ? worker : job;
    const std::size_t column = rows_ <= columns_ ? job : worker;
    column_of_row_[row - 1] = static_cast<int>(column - 1);
  }
  return column_of_row_;
}

// Runs Dijkstra over reduced costs from the new worker to the nearest free job, then reassigns the jobs along
// the path.
void Assignment::add_worker(std::size_t worker) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  distance_.assign(jobs_ + 1, kFar);
  done_.assign(jobs_ + 1, 0);
  worker_of_job_[0] = worker;
  std::size_t job = 0;
  do {
    done_[job] = 1;
    const std::size_t from = worker_of_job_[job];
    double nearest = kFar;
    std::size_t next = 0;
    for (std::size_t j = 1; j <= jobs_; ++j) {
      if (done_[j] != 0) continue;
      const double reduced = cost(from, j) - worker_price_[from] - job_price_[j];
      if (reduced < distance_[j]) {
        distance_[j] = reduced;
        previous_job_[j] = job;
      }
      if (distance_[j] < nearest) {
        nearest = distance_[j];
        next = j;
      }
    }
    for (std::size_t j = 0; j <= jobs_; ++j) {
      if (done_[j] != 0) {
        worker_price_[worker_of_job_[j]] += nearest;
        job_price_[j] -= nearest;
      } else {
        distance_[j] -= nearest;
      }
    }
    job = next;
  } while (worker_of_job_[job] != 0);
  while (job != 0) {
    const std::size_t previous = previous_job_[job];
    worker_of_job_[job] = worker_of_job_[previous];
    job = previous;
  }
}

}  // namespace freshframe::vision
