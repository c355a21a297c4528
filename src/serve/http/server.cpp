// The public Server class: options, listening socket, thread.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <exception>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "platform/machine.hpp"
#include "platform/socket.hpp"
#include "platform/thread.hpp"
#include "serve/http/service.hpp"

namespace freshframe {
namespace {

using namespace serve;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kMinToken = 16;
constexpr std::size_t kMaxToken = 256;

net::ip::address resolve_address(const std::string& host) {
  if (host == "localhost") return net::ip::address_v4::loopback();
  ErrorCode error;
  const auto address = net::ip::make_address(host, error);
  if (error) {
    throw OptionError(
        "serve() needs an address to listen on, such as 127.0.0.1 or 0.0.0.0, or localhost; got '" + host +
        "'");
  }
  return address;
}

std::string checked_token(const std::string& token, bool loopback) {
  if (token.empty()) return loopback ? std::string() : make_token();
  if (token.size() < kMinToken || token.size() > kMaxToken || !is_plain_token(token)) {
    throw OptionError("a token must have " + std::to_string(kMinToken) + " to " + std::to_string(kMaxToken) +
                      " characters of a-z A-Z 0-9 - _; without one, serve() makes a token if it needs one");
  }
  return token;
}

void check_origins(const std::vector<std::string>& origins, bool has_token) {
  for (const auto& origin : origins) {
    if (!is_origin(origin)) {
      throw OptionError(
          "origins must be origins of web pages, such as \"https://my.site\" without a path, or \"*\" for "
          "all; got \"" +
          origin + "\"");
    }
    if (origin == "*" && !has_token)
      throw OptionError("origins \"*\" lets every web page request frames: pass token=");
  }
}

// Advice for an address that the server cannot listen on.
std::string find_remedy(const ErrorCode& error) {
  if (error == net::error::address_in_use) return "; port 0 chooses a free one";
  if (error == net::error::access_denied)
    return "; ports below 1024 are reserved for root: choose another one, or 0 for a free one";
  if (error == boost::system::errc::address_not_available)
    return "; host must be an address of this machine: \"0.0.0.0\" listens on all of them, \"127.0.0.1\" "
           "serves this machine alone";
  if (error == net::error::address_family_not_supported)
    return "; this machine has no addresses of this kind: \"127.0.0.1\" serves this machine alone";
  return {};
}

net::ip::tcp::acceptor listen_at(net::io_context& io, const net::ip::tcp::endpoint& endpoint) {
  net::ip::tcp::acceptor acceptor(io);
  try {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(net::socket_base::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
    platform::keep_from_programs(acceptor.native_handle());
  } catch (const boost::system::system_error& error) {
    throw Error("cannot serve at " + endpoint.address().to_string() + ", port " +
                std::to_string(endpoint.port()) + ": " + error.code().message() + find_remedy(error.code()));
  }
  return acceptor;
}

std::vector<std::string> list_urls(const net::ip::tcp::endpoint& endpoint, const std::string& token) {
  const auto& address = endpoint.address();
  std::vector<std::string> hosts = {address.to_string()};
  if (address.is_unspecified()) {
    hosts = platform::interface_addresses(address.is_v6());
    if (auto name = platform::host_name(); !name.empty()) hosts.push_back(std::move(name));
    if (hosts.empty()) hosts.emplace_back("127.0.0.1");
  }
  std::vector<std::string> urls;
  for (auto& host : hosts) {
    if (host.find(':') != std::string::npos) host = "[" + host + "]";
    urls.push_back("http://" + host + ":" + std::to_string(endpoint.port()) + "/" +
                   (token.empty() ? "" : "?token=" + token));
  }
  return urls;
}

// Runs the event loop. An exception in a handler, such as std::bad_alloc, ends only its request, not the
// service.
void run(net::io_context& io) {
  while (true) {
    try {
      io.run();
      return;
    } catch (const std::exception& error) {
      log(LogLevel::Warning, std::string("the dashboard's server continues after an error: ") + error.what());
    }
  }
}

}  // namespace

struct Server::Impl {
  std::unique_ptr<Service> service;
  std::vector<std::string> urls;
  std::string picture_token;
  int listener = -1;
  std::thread thread;
};

Server::Server(const Pipeline& pipeline, ServeOptions options)
    : Server(core::PipelineAccess::core(pipeline), std::move(options)) {}

Server::Server(std::shared_ptr<core::PipelineCore> pipeline, ServeOptions options)
    : impl_(std::make_unique<Impl>()) {
  const auto address = resolve_address(options.host);
  if (options.away_after && !(*options.away_after > 0)) {
    throw OptionError("away_after must be more than 0 seconds or none, got " +
                      std::to_string(*options.away_after));
  }
  const auto token = checked_token(options.token, address.is_loopback());
  check_origins(options.origins, !token.empty());
  try {
    net::io_context probe;
    auto bound = listen_at(probe, {address, options.port});
    const auto endpoint = bound.local_endpoint();
    if (!token.empty()) {
      impl_->picture_token = options.picture_token.empty() ? make_token() : options.picture_token;
    }
    Gate gate(token, address.is_loopback(), platform::host_name(), endpoint.port(), impl_->picture_token);
    gate.admit({.listed = options.origins});
    auto service = std::make_unique<Service>(std::move(pipeline), std::move(options), std::move(gate));
    impl_->listener = bound.release();
    service->listen(net::ip::tcp::acceptor(service->io(), endpoint.protocol(), impl_->listener));
    service->start();
    impl_->urls = list_urls(endpoint, token);
    impl_->thread = platform::start_without_signals("ff serve", [&io = service->io()] { run(io); });
    impl_->service = std::move(service);
  } catch (const boost::system::system_error& error) {  // for example: out of file descriptors
    throw Error("cannot serve at " + address.to_string() + ": " + error.code().message());
  }
}

Server::Server(ServeOptions options)
    : Server(std::make_shared<core::PipelineCore>(Pipeline::Options{}), std::move(options)) {}

Server::~Server() {
  close();
}

const std::vector<std::string>& Server::urls() const noexcept {
  return impl_->urls;
}

const std::string& Server::picture_token() const noexcept {
  return impl_->picture_token;
}

std::map<std::string, std::string> Server::camera_tokens() {
  return impl_->service ? impl_->service->feeds().list_tokens() : std::map<std::string, std::string>();
}

void Server::close() {
  if (!impl_->service) return;
  impl_->service->io().stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->listener = -1;  // the service closed it, and the number may be reused
  impl_->service.reset();
}

void Server::forget_in_child() noexcept {
  if (impl_->listener >= 0) platform::close_socket(std::exchange(impl_->listener, -1));
}

}  // namespace freshframe
