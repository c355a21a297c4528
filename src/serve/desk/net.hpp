// Aliases for the parts of Boost that the server uses, and includes that Boost needs in C++20.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>  // must precede Asio 1.74, which does not include it

// Asio's coroutines are of a draft of C++20. NOLINTNEXTLINE(readability-identifier-naming)
#define BOOST_ASIO_DISABLE_CO_AWAIT
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace freshframe::serve {

namespace net = boost::asio;
using Socket = net::generic::stream_protocol::socket;
using ErrorCode = boost::system::error_code;

}  // namespace freshframe::serve
