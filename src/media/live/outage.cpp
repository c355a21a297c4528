// Books that a live source lost its connection, and that it is back; and tells the log.
// SPDX-License-Identifier: Apache-2.0
#include "media/live/outage.hpp"

#include "freshframe/log.hpp"

#include <iomanip>
#include <sstream>

namespace freshframe {

void book_loss(SourceBook& book, TimePoint since, const std::string& why) {
  const bool first = !book.is_lost();
  book.lose(since, why);
  book.enter(SourceState::BackingOff);
  log(first ? LogLevel::Warning : LogLevel::Info, why + "; trying again");
}

void book_frame(SourceBook& book, TimePoint now, const std::string& name) {
  if (book.state() == SourceState::WaitingKeyFrame) book.enter(SourceState::Reading);
  const auto lasted = book.recover(now);
  if (!lasted) return;
  std::ostringstream text;
  text << name << " is back after " << std::fixed << std::setprecision(1) << *lasted << " s";
  log(LogLevel::Warning, text.str());
}

}  // namespace freshframe
