// The sets of a join, and JoinNode, a node that receives them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/join.hpp"
#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe {

/// A set of a join: the value that a JoinNode receives.
struct Joined {
  /// One sample per parent, in order. nullopt if it is missing in a partial set; the first one never is.
  std::vector<std::optional<AnySample>> members;
};
template <>
inline constexpr std::string_view kTypeName<Joined> = "a set of a join";

namespace detail {

/// Maps an input type In, or std::optional<In>, to the argument of JoinNode::process().
template <class In>
struct JoinPart {
  using Input = In;
  using Argument = Sample<In>;
  static constexpr bool kMayMiss = false;
  static Argument read_part(const std::optional<AnySample>& part) { return cast_sample<In>(part.value()); }
};
template <class In>
struct JoinPart<std::optional<In>> {
  using Input = In;
  using Argument = std::optional<Sample<In>>;
  static constexpr bool kMayMiss = true;
  static Argument read_part(const std::optional<AnySample>& part) {
    if (!part) return std::nullopt;
    return cast_sample<In>(*part);
  }
};

template <class Out, class... In>
class JoinNodeOf : public NodeBase {
 public:
  using Output = Out;
  static constexpr std::size_t kParents = sizeof...(In);
  static_assert(kParents >= 2 && kParents <= kMostJoined, "a join has 2 to 16 parents");
  template <class... Given>
  static constexpr bool kTakesSet =
      std::is_same_v<std::tuple<typename JoinPart<In>::Input...>, std::tuple<Given...>>;

  [[nodiscard]] const TypeInfo* output_type() const noexcept final { return get_type<Out>(); }
  [[nodiscard]] NodeContract contract() const override {
    return {.takes_sets = true,
            .sets = {JoinInput{get_type<typename JoinPart<In>::Input>(), JoinPart<In>::kMayMiss}...}};
  }

  /// Called once per set, by one thread at a time. Return nullopt to emit nothing. The result gets the stamp
  /// of the first sample.
  virtual std::optional<Out> process(const typename JoinPart<In>::Argument&... samples,
                                     const Context& context) = 0;

  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) final {
    const auto* const set = sample.value.as<Joined>();
    if (set == nullptr || set->members.size() != kParents) {
      throw GraphError("needs a join of " + std::to_string(kParents) + " parents");
    }
    return call(*set, context, std::index_sequence_for<In...>());
  }

 private:
  template <std::size_t... I>
  std::optional<Emitted> call(const Joined& set, const Context& context, std::index_sequence<I...> /*all*/) {
    auto out = process(JoinPart<In>::read_part(set.members[I])..., context);
    if (!out) return std::nullopt;
    return to_emitted<Out>(*std::move(out));
  }
};

/// Splits a parameter pack into all types but the last, and the last.
template <class Taken, class... Rest>
struct JoinNodeFor;
template <class... In, class Out>
struct JoinNodeFor<std::tuple<In...>, Out> {
  using Type = JoinNodeOf<Out, In...>;
};
template <class... In, class Next, class... Rest>
struct JoinNodeFor<std::tuple<In...>, Next, Rest...> : JoinNodeFor<std::tuple<In..., Next>, Rest...> {};

}  // namespace detail

/// A node that receives one sample from each parent: JoinNode<A, B, Out>, with 2 to 16 inputs. Derive from
/// it, implement `std::optional<Out> process(const Sample<A>&, const Sample<B>&, const Context&)`, and add it
/// with a tuple of ports and AddOptions::join. For a join with `partial`, declare every input except the
/// first as std::optional<B>; its argument is then `const std::optional<Sample<B>>&`.
template <class... Types>
class JoinNode : public detail::JoinNodeFor<std::tuple<>, Types...>::Type {};

}  // namespace freshframe
