// The set of connections: limits, roles, and connections that are removed while others are visited.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page/connections.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using serve::Connections;

class FakeConnection final : public serve::Connection, public serve::StateViewer {
 public:
  explicit FakeConnection(Connections& connections) : connections_(connections) {
    connections_.enter(static_cast<serve::Connection&>(*this));
  }
  ~FakeConnection() override {
    connections_.leave(static_cast<serve::StateViewer&>(*this));
    connections_.leave(static_cast<serve::Connection&>(*this));
  }
  void check(Time /*now*/) override {
    ++checks;
    if (then) then();
  }
  void cut() override { is_cut = true; }
  void tell(const std::shared_ptr<const std::string>& state) override {
    told = *state;
    if (then) then();
  }

  int checks = 0;
  bool is_cut = false;
  std::string told;
  std::function<void()> then;

 private:
  Connections& connections_;
};

TEST(Connections, CutTheOldestUnknownOneWhenThereAreTooMany) {
  const ServeLimits limits{.unknown = 2};
  Connections connections(limits);
  FakeConnection first(connections), second(connections), third(connections);
  connections.enter_unknown(first);
  connections.enter_unknown(second);
  EXPECT_FALSE(first.is_cut);
  connections.enter_unknown(third);
  EXPECT_TRUE(first.is_cut);
  EXPECT_FALSE(second.is_cut);
}

TEST(Connections, RefuseAKnownOneAboveTheLimit) {
  const ServeLimits limits{.connections = 1};
  Connections connections(limits);
  FakeConnection first(connections), second(connections);
  connections.enter_unknown(first);
  connections.enter_unknown(second);
  EXPECT_TRUE(connections.make_known(first));
  EXPECT_FALSE(connections.make_known(second));
}

TEST(Connections, OneThatGoesWhileAllAreLookedAtIsNotTouchedAgain) {
  const ServeLimits limits;
  Connections connections(limits);
  std::vector<std::unique_ptr<FakeConnection>> all;
  for (int i = 0; i < 3; ++i) all.push_back(std::make_unique<FakeConnection>(connections));
  for (auto& each : all) {
    connections.enter(static_cast<serve::StateViewer&>(*each));
    each->then = [&all, self = each.get()] {
      std::erase_if(all, [self](const auto& other) { return other.get() != self; });
    };
  }
  connections.tell(std::make_shared<const std::string>("state"));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all.front()->told, "state");
  EXPECT_EQ(connections.viewers(), 1U);
  connections.check({});
  EXPECT_EQ(all.front()->checks, 1);
}

}  // namespace
}  // namespace freshframe::test
