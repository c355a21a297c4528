// The set of a join, and JoinNode, the node that takes sets.
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

/// The value of a set.
struct Joined {
  /// One for each parent, in their order; nullopt means missing in a partial set. The first is always there.
  std::vector<std::optional<AnySample>> members;
};
template <>
inline constexpr std::string_view kTypeName<Joined> = "a set of a join";

namespace detail {

/// The argument of a JoinNode's process() for an input of type In, or std::optional<In>.
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

  /// Called by one thread at a time, once per set. nullopt means nothing is emitted. The result gets the
  /// stamp of the first sample.
  virtual std::optional<Out> process(const typename JoinPart<In>::Argument&... samples,
                                     const Context& context) = 0;

  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) final {
    const auto* const set = sample.value.as<Joined>();
    if (set == nullptr || set->members.size() != kParents) {
      throw GraphError("takes the sets of a join of " + std::to_string(kParents) + " parents");
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

/// Gathers all types but the last.
template <class Taken, class... Rest>
struct JoinNodeFor;
template <class... In, class Out>
struct JoinNodeFor<std::tuple<In...>, Out> {
  using Type = JoinNodeOf<Out, In...>;
};
template <class... In, class Next, class... Rest>
struct JoinNodeFor<std::tuple<In...>, Next, Rest...> : JoinNodeFor<std::tuple<In..., Next>, Rest...> {};

}  // namespace detail

/// A step that gets a sample of each parent: JoinNode<A, B, Out>, with 2 to 16 inputs. Derive, implement
/// `std::optional<Out> process(const Sample<A>&, const Sample<B>&, const Context&)`, and add it below a tuple
/// of ports with AddOptions::join. For a join with `partial` every input but the first is a
/// std::optional<B>, and its argument a `const std::optional<Sample<B>>&`.
template <class... Types>
class JoinNode : public detail::JoinNodeFor<std::tuple<>, Types...>::Type {};

}  // namespace freshframe
