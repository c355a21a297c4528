// Frames that the producer's thread offers directly while the consumer waits.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "sources/rtsp/pictures/picture_queue.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

Picture numbered(int number) {
  Picture picture{.packet = make_av_packet(), .arrived = SteadyClock::now(), .key = number == 0};
  EXPECT_EQ(av_new_packet(picture.packet.get(), 10), 0);
  picture.packet->pts = number;
  return picture;
}

void put_number(PictureQueue& queue, int number) {
  static_cast<void>(queue.put(numbered(number), SteadyClock::now()));
}

/// Puts frames into the queue until the waiting consumer has accepted one as an offer.
void put_until(PictureQueue& queue, const std::atomic<int>& offered) {
  for (int number = 0; offered == 0; ++number) {
    put_number(queue, number);
    std::this_thread::sleep_for(100us);
  }
}

TEST(PictureOffer, GivesEachPictureOnceAndInOrderToOneOfTheTwo) {
  constexpr int kCount = 3000;
  constexpr int kMostWaiting = 50;  // fewer than the queue drops
  PictureQueue queue;
  queue.set_patient(true);
  std::vector<std::int64_t> got;
  std::atomic<int> taken = 0;
  std::atomic<int> offered = 0;
  std::atomic<bool> busy = false;
  int overlaps = 0;
  const auto note = [&](const Picture& picture) {
    overlaps += busy.exchange(true) ? 1 : 0;
    got.push_back(picture.packet->pts);
    busy = false;
    ++taken;
  };
  const PictureQueue::Offer offer = [&](Picture& picture) {
    if (picture.packet->pts % 7 == 3) return false;
    note(picture);
    ++offered;
    return true;
  };
  std::jthread taker([&] {
    while (taken < kCount) {
      if (const auto picture = queue.take(SteadyClock::now() + 100us, {}, offer)) note(*picture);
    }
  });
  for (int number = 0; number < kCount; ++number) {
    while (number - taken > kMostWaiting) std::this_thread::yield();
    put_number(queue, number);
    if (number % 10 == 0) std::this_thread::sleep_for(50us);  // so that the taker waits sometimes
  }
  taker.join();
  ASSERT_EQ(got.size(), static_cast<std::size_t>(kCount));
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], static_cast<std::int64_t>(i));
  EXPECT_EQ(overlaps, 0);
  EXPECT_GT(offered, 0);
}

TEST(PictureOffer, DoesNotOvertakeAPictureThatWaits) {
  PictureQueue queue;
  put_number(queue, 0);
  int offers = 0;
  const auto first = queue.take(SteadyClock::now() + 1h, {}, [&](Picture&) { return ++offers > 0; });
  ASSERT_TRUE(first);
  EXPECT_EQ(first->packet->pts, 0);
  EXPECT_EQ(offers, 0);
}

TEST(PictureOffer, KeepsTheTakerUntilItHasReturned) {
  PictureQueue queue;
  std::stop_source stop;
  std::atomic<int> offered = 0;
  bool left = false;
  bool had_left = true;
  std::jthread taker([&] {
    while (!stop.stop_requested()) {
      static_cast<void>(queue.take(SteadyClock::now() + 1h, stop.get_token(), [&](Picture&) {
        offered = 1;
        stop.request_stop();  // take() would return now
        std::this_thread::sleep_for(20ms);
        had_left = left;
        return true;
      }));
    }
    left = true;
  });
  put_until(queue, offered);
  taker.join();
  EXPECT_FALSE(had_left);
}

TEST(PictureOffer, CountsAsAnArrivalAndTellsThePutterOfAFailure) {
  PictureQueue queue;
  std::atomic<int> offered = 0;
  bool thrown = false;
  std::jthread putter([&] {
    try {
      put_until(queue, offered);
    } catch (const std::runtime_error&) {
      thrown = true;
      queue.end_pictures(std::current_exception());
    }
  });
  const PictureQueue::Offer fails = [&](Picture&) -> bool {
    offered = 1;
    throw std::runtime_error("no memory");
  };
  const auto take_all = [&] {
    while (queue.take(SteadyClock::now() + 1h, {}, fails)) continue;
  };
  EXPECT_THROW(take_all(), std::runtime_error);
  putter.join();
  EXPECT_TRUE(thrown);
  EXPECT_TRUE(queue.newest());
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
