// The engine's types that may be used without the GIL: none of them touches a Python object directly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/frame.hpp"
#include "freshframe/metrics.hpp"
#include "freshframe/node.hpp"
#include "freshframe/serve.hpp"

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/successor.hpp"

namespace freshframe::gil {

template <>
inline constexpr bool python_free<Frame> = true;
template <>
inline constexpr bool python_free<MutablePicture> = true;
// A value on an edge may wrap a Python object, but only as a gil::Ref, which is released through the deferred
// queue.
template <>
inline constexpr bool python_free<AnySample> = true;
// A node's Python objects are released through the deferred queue.
template <>
inline constexpr bool python_free<NodeBase> = true;
template <>
inline constexpr bool python_free<std::vector<AnySample>> = true;
template <>
inline constexpr bool python_free<Emitted> = true;
template <>
inline constexpr bool python_free<std::vector<std::optional<Emitted>>> = true;
template <>
inline constexpr bool python_free<SourceItem<Emitted>> = true;
template <>
inline constexpr bool python_free<core::Runner> = true;
template <>
inline constexpr bool python_free<std::shared_ptr<core::Runner>> = true;
template <>
inline constexpr bool python_free<Stats> = true;
template <>
inline constexpr bool python_free<core::ReaderCore> = true;
template <>
inline constexpr bool python_free<core::Handed> = true;
template <>
inline constexpr bool python_free<core::PipelineCore> = true;
// The nodes of a Pipeline are native. They release their Python objects through the deferred queue, or only
// borrow them.
template <>
inline constexpr bool python_free<core::Successor> = true;
template <>
inline constexpr bool python_free<Server> = true;
template <>
inline constexpr bool python_free<Metrics> = true;
template <>
inline constexpr bool python_free<Clock> = true;
template <>
inline constexpr bool python_free<std::stop_token> = true;

}  // namespace freshframe::gil
