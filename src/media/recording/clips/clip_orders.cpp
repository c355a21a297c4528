// The clips that a program has asked for.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/clips/clip_orders.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <system_error>
#include <utility>

#include "media/packets/containers.hpp"

namespace freshframe::media {

ClipFile::ClipFile(std::string name) : path(std::move(name)) {
  std::error_code error;
  // Absolute first: a relative path to a file that does not exist would stay relative.
  same = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
}

void ClipOrders::begin() {
  const Lock lock(mutex_);
  running_ = true;
}

void ClipOrders::save(const std::string& path, std::optional<double> at) {
  if (at && !std::isfinite(*at)) throw OptionError("at must be a pts in seconds, got " + std::to_string(*at));
  const ClipFile file(path);
  const Lock alone(opening_);  // two calls for one file open it once
  {
    const Lock lock(mutex_);
    check_running(path);
    if (camera_) check_container(path, *camera_);
    if (is_written(file)) {
      orders_.push_back({file, at, nullptr});
      return;
    }
  }
  auto clip = std::make_unique<Clip>(path);
  const Lock lock(mutex_);
  check_running(path);
  writing_.push_back(file);
  orders_.push_back({file, at, std::move(clip)});
}

void ClipOrders::set_camera(std::shared_ptr<const PacketStream> camera) {
  const Lock lock(mutex_);
  camera_ = std::move(camera);
}

void ClipOrders::check_running(const std::string& path) const {
  if (!running_)
    throw StateError("cannot write clip '" + path + "': its pipeline does not run, or it was removed");
}

bool ClipOrders::is_written(const ClipFile& file) const {
  return std::find(writing_.begin(), writing_.end(), file) != writing_.end();
}

std::vector<std::string> ClipOrders::paths() const {
  const Lock lock(mutex_);
  std::vector<std::string> result;
  for (const auto& file : writing_) result.push_back(file.path);
  return result;
}

std::vector<ClipOrder> ClipOrders::take() {
  const Lock lock(mutex_);
  return std::exchange(orders_, {});
}

std::vector<ClipOrder> ClipOrders::take(const ClipFile& file) {
  std::vector<ClipOrder> meant;
  const Lock lock(mutex_);
  const auto others = std::stable_partition(orders_.begin(), orders_.end(),
                                            [&](const ClipOrder& order) { return !(order.file == file); });
  std::move(others, orders_.end(), std::back_inserter(meant));
  orders_.erase(others, orders_.end());
  return meant;
}

void ClipOrders::forget(const ClipFile& file) {
  const Lock lock(mutex_);
  std::erase(writing_, file);
}

void ClipOrders::end() {
  const Lock lock(mutex_);
  running_ = false;
}

bool ClipOrders::end_if_none() {
  const Lock lock(mutex_);
  if (!writing_.empty()) return false;
  running_ = false;
  return true;
}

std::vector<ClipOrder> ClipOrders::clear() {
  const Lock lock(mutex_);
  writing_.clear();
  return std::exchange(orders_, {});
}

}  // namespace freshframe::media
