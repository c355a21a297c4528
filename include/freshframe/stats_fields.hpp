// The counters of nodes, sources and edges by name, for JSON, metrics and Python.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <string_view>
#include <tuple>

namespace freshframe {

/// A counter. `name` is its key in JSON and in Python, which keep the order of the table. Not exported as a
/// metric if `metric` is empty.
template <class Stats, class Value>
struct StatsField {
  std::string_view name;
  Value Stats::* member;
  std::string_view metric = {};  // name of the metric without the prefix "freshframe_"
  std::string_view type = {};    // "counter" or "gauge"
  std::string_view help = {};
};
template <class Stats, class Value>
StatsField(std::string_view, Value Stats::*, std::string_view, std::string_view, std::string_view)
    -> StatsField<Stats, Value>;

/// A quantile without data is 0; JSON shows null instead.
inline constexpr bool is_quantile(std::string_view name) noexcept {
  return name.ends_with("p50") || name.ends_with("p99");
}

inline constexpr auto kNodeFields = std::tuple{
    StatsField{"processed", &NodeStats::processed, "node_processed_total", "counter",
               "Samples that the node has finished."},
    StatsField{"rate", &NodeStats::rate, "node_rate", "gauge", "Samples per second over the last second."},
    StatsField{"busy", &NodeStats::busy, "node_busy_ratio", "gauge",
               "Share of its life that the node spent working, 0 to 1."},
    StatsField{"duration_p50", &NodeStats::duration_p50, "node_duration_p50_seconds", "gauge",
               "Median seconds per sample, over the last ten seconds."},
    StatsField{"duration_p99", &NodeStats::duration_p99, "node_duration_p99_seconds", "gauge",
               "99th percentile of seconds per sample, over the last ten seconds."},
    StatsField{"gil_wait", &NodeStats::gil_wait, "node_gil_wait_seconds_total", "counter",
               "Seconds that a Python node waited for the GIL."},
    StatsField{"gil_hold", &NodeStats::gil_hold, "node_gil_hold_seconds_total", "counter",
               "Seconds that a Python node kept the GIL from others."},
    StatsField{"errors", &NodeStats::errors, "node_errors_total", "counter",
               "Exceptions that the node has thrown."},
    StatsField{"dropped", &NodeStats::dropped, "", "", ""},
    StatsField{"lost", &NodeStats::lost, "node_lost_total", "counter",
               "Frames lost in the node: dropped, and not by design."},
    StatsField{"ticks", &NodeStats::ticks, "node_ticks_total", "counter", "Calls of the node's on_tick()."},
    StatsField{"ticks_missed", &NodeStats::ticks_missed, "node_ticks_missed_total", "counter",
               "Calls of on_tick() that were skipped because the node was busy."},
};

inline constexpr auto kJoinFields = std::tuple{
    StatsField{"sets", &JoinStats::sets, "join_sets_total", "counter", "Complete sets of the join."},
    StatsField{"partial", &JoinStats::partial, "join_partial_sets_total", "counter",
               "Incomplete sets of the join."},
    StatsField{"spread_p50", &JoinStats::spread_p50, "join_spread_p50_seconds", "gauge",
               "Median seconds between the earliest and the latest time of a set."},
    StatsField{"spread_p99", &JoinStats::spread_p99, "join_spread_p99_seconds", "gauge",
               "99th percentile of the same."},
    StatsField{"wait_p50", &JoinStats::wait_p50, "join_wait_p50_seconds", "gauge",
               "Median seconds from the arrival of a set's first sample until the set was made."},
    StatsField{"wait_p99", &JoinStats::wait_p99, "join_wait_p99_seconds", "gauge",
               "99th percentile of the same."},
};

inline constexpr auto kSourceFields = std::tuple{
    StatsField{"outages", &SourceStats::outages, "source_outages_total", "counter",
               "How often the source was without a connection."},
    StatsField{"away_total", &SourceStats::away_total, "source_outage_seconds_total", "counter",
               "Seconds that the source was without a connection, of all outages."},
    StatsField{"reconnects", &SourceStats::reconnects, "source_reconnects_total", "counter",
               "Outages that ended."},
    StatsField{"stalls", &SourceStats::stalls, "source_stalls_total", "counter",
               "How often the source sent nothing for a while."},
    StatsField{"size_changes", &SourceStats::size_changes, "source_size_changes_total", "counter",
               "How often the frame size changed."},
    StatsField{"decoder_frames", &SourceStats::decoder_frames, "source_decoder_frames", "gauge",
               "Frames that the decoder held back when it returned the latest frame."},
    StatsField{"behind", &SourceStats::behind, "source_behind_seconds", "gauge",
               "Seconds by which frames arrive later than the earliest ones did, according to the stream's "
               "timestamps. For a file with realtime=True, how late its last frame was."},
    StatsField{"pace", &SourceStats::pace, "source_pace", "gauge",
               "Seconds of timestamps per second of real time; 1 unless the camera's timestamps run too fast "
               "or too slowly."},
    StatsField{"clock_offset", &SourceStats::clock_offset, "source_clock_offset_seconds", "gauge",
               "The camera's clock minus this machine's, corrected for the transmission time."},
    StatsField{"clock_drift_ppm", &SourceStats::clock_drift_ppm, "source_clock_drift_ppm", "gauge",
               "Drift of the camera's clock relative to its stream's timestamps, in parts per million."},
    StatsField{"clock_residual", &SourceStats::clock_residual, "source_clock_residual_seconds", "gauge",
               "Largest distance of a sender report from the line fitted through all of them."},
    StatsField{"clock_reports", &SourceStats::clock_reports, "source_clock_reports", "gauge",
               "Sender reports from which the camera's clock is estimated."},
    StatsField{"clock_steps", &SourceStats::clock_steps, "source_clock_steps_total", "counter",
               "How often the camera's clock was set."},
    StatsField{"packets", &SourceStats::packets, "source_packets_total", "counter", "RTP packets received."},
    StatsField{"packets_lost", &SourceStats::packets_lost, "source_packets_lost_total", "counter",
               "RTP packets that never arrived."},
    StatsField{"packets_late", &SourceStats::packets_late, "source_packets_late_total", "counter",
               "RTP packets that arrived too late to be used."},
    StatsField{"jitter", &SourceStats::jitter, "source_jitter_seconds", "gauge",
               "Interarrival jitter of RTP packets (RFC 3550)."},
    StatsField{"marker_faults", &SourceStats::marker_faults, "source_marker_faults_total", "counter",
               "RTP packets with a marker bit that did not end a frame."},
    StatsField{"damaged", &SourceStats::damaged, "source_damaged_total", "counter",
               "Frames marked as damaged, and damaged packets that were not decoded."},
    StatsField{"undecoded", &SourceStats::undecoded, "source_undecoded_total", "counter",
               "Frames that were not decoded because nobody used them."},
    StatsField{"last_error", &SourceStats::last_error, "", "", ""},
    StatsField{"frozen", &SourceStats::frozen, "", "", ""},
    StatsField{
        "frozen_for", &SourceStats::frozen_for, "source_frozen_seconds", "gauge",
        "Seconds for which the source has shown the same image, the same loop, or no contrast; 0 until that "
        "has lasted for frozen_after of open()."},
    StatsField{"frozen_period", &SourceStats::frozen_period, "", "", ""},
    StatsField{"frozen_frames", &SourceStats::frozen_frames, "", "", ""},
    StatsField{"frozen_contents", &SourceStats::frozen_contents, "", "", ""},
    StatsField{"settings", &SourceStats::settings, "", "", ""},
    StatsField{"settings_reason", &SourceStats::settings_reason, "", "", ""},
    StatsField{"decoder", &SourceStats::decoder, "", "", ""},
    StatsField{"decoder_reason", &SourceStats::decoder_reason, "", "", ""},
    StatsField{"decoder_changes", &SourceStats::decoder_changes, "source_decoder_changes_total", "counter",
               "How often decoding moved from a GPU to the CPU, or back."},
    StatsField{"downloads", &SourceStats::downloads, "source_downloads_total", "counter",
               "Frames that were downloaded from a GPU to host memory."},
    StatsField{"card_wait", &SourceStats::card_wait, "source_card_wait_seconds_total", "counter",
               "Seconds that decoding has waited for a GPU."},
};

/// All fields but `failures`.
inline constexpr auto kSenderFields = std::tuple{
    StatsField{"connected", &SenderStats::connected, "sender_connected", "gauge",
               "1 while a browser that sends the camera is connected."},
    StatsField{"browser", &SenderStats::browser, "", "", ""},
    StatsField{"camera", &SenderStats::camera, "", "", ""},
    StatsField{"state", &SenderStats::state, "", "", ""},
    StatsField{"message", &SenderStats::message, "", "", ""},
    StatsField{"hidden", &SenderStats::hidden, "sender_hidden", "gauge",
               "1 while the tab of the browser is not visible."},
    StatsField{"codec", &SenderStats::codec, "", "", ""},
    StatsField{"mode", &SenderStats::mode, "", "", ""},
    StatsField{"stamped", &SenderStats::stamped, "", "", ""},
    StatsField{"width", &SenderStats::width, "", "", ""},
    StatsField{"height", &SenderStats::height, "", "", ""},
    StatsField{"camera_frames", &SenderStats::camera_frames, "sender_camera_frames_total", "counter",
               "Frames that the browser's page received from its camera."},
    StatsField{"sent", &SenderStats::sent, "sender_sent_total", "counter", "Frames that the browser sent."},
    StatsField{"skipped_link", &SenderStats::skipped_link, "sender_skipped_link_total", "counter",
               "Frames that the browser did not send because the link was too slow."},
    StatsField{"skipped_encoder", &SenderStats::skipped_encoder, "sender_skipped_encoder_total", "counter",
               "Frames that the browser did not send because its encoder was busy."},
    StatsField{"missed", &SenderStats::missed, "sender_missed_total", "counter",
               "Frames that the browser lost before its page saw them."},
    StatsField{"bitrate", &SenderStats::bitrate, "sender_bitrate", "gauge",
               "Target of the browser's encoder in bits per second."},
    StatsField{"arrives", &SenderStats::arrives, "", "", ""},
    StatsField{"encoding", &SenderStats::encoding, "", "", ""},
    StatsField{"round_trip", &SenderStats::round_trip, "sender_round_trip_seconds", "gauge",
               "Shortest round trip to the browser of the last 30 seconds."},
    StatsField{"clock_error", &SenderStats::clock_error, "sender_clock_error_seconds", "gauge",
               "Largest error of the browser's capture times, in seconds."},
};

inline constexpr auto kSpoolFields = std::tuple{
    StatsField{"waiting", &SpoolStats::waiting, "spool_waiting_results", "gauge",
               "Results on disk that were not sent."},
    StatsField{"size_bytes", &SpoolStats::size_bytes, "spool_bytes", "gauge",
               "Bytes of the results on disk."},
    StatsField{"oldest_age", &SpoolStats::oldest_age, "spool_oldest_age_seconds", "gauge",
               "Seconds since the oldest result of the present batch arrived; 0 if there is none."},
    StatsField{"sending_for", &SpoolStats::sending_for, "spool_sending_seconds", "gauge",
               "Seconds that the present call of the sending function has been running; 0 if there is "
               "none."},
    StatsField{"sent", &SpoolStats::sent, "spool_sent_total", "counter", "Results that were sent."},
    StatsField{"refused", &SpoolStats::refused, "spool_refused_total", "counter",
               "Results that the receiver rejected permanently."},
    StatsField{"expired", &SpoolStats::expired, "spool_expired_total", "counter",
               "Results that were too old, or made room for newer ones, before they were sent."},
    StatsField{
        "lost", &SpoolStats::lost, "spool_lost_total", "counter",
        "Results that were unreadable on disk, or did not fit into memory or among the rejected ones."},
    StatsField{"errors", &SpoolStats::errors, "spool_errors_total", "counter",
               "Failed calls of the sending function."},
    StatsField{"last_error", &SpoolStats::last_error, "", "", ""},
};

inline constexpr auto kPublishFields = std::tuple{
    StatsField{"connections", &PublishStats::connections, "publish_connections_total", "counter",
               "Connections to the media server that were made."},
    StatsField{"sent", &PublishStats::sent, "publish_sent_total", "counter", "Frames that were sent."},
    StatsField{"dropped_away", &PublishStats::dropped_away, "publish_dropped_away_total", "counter",
               "Frames that were not sent because there was no connection, or no keyframe since it was "
               "made."},
    StatsField{"dropped_slow", &PublishStats::dropped_slow, "publish_dropped_slow_total", "counter",
               "Frames that were not sent because the link was too slow for the stream."},
    StatsField{"last_error", &PublishStats::last_error, "", "", ""},
};

inline constexpr auto kEdgeFields = std::tuple{
    StatsField{"passed_in", &EdgeStats::passed_in, "edge_passed_in_total", "counter",
               "Samples offered to the edge."},
    StatsField{"delivered", &EdgeStats::delivered, "edge_delivered_total", "counter",
               "Samples that the consumer took from the edge."},
    StatsField{"waiting", &EdgeStats::waiting, "edge_waiting_samples", "gauge",
               "Samples in the edge's queue."},
    StatsField{"dropped", &EdgeStats::dropped, "", "", ""},
    StatsField{"lost", &EdgeStats::lost, "edge_lost_total", "counter",
               "Samples dropped although the queue was not asked to drop them."},
    StatsField{"events_lost", &EdgeStats::events_lost, "edge_events_lost_total", "counter",
               "Dropped samples whose events could not be kept for a later sample."},
    StatsField{"age_p50", &EdgeStats::age_p50, "edge_age_p50_seconds", "gauge",
               "Median age of samples when the consumer takes them, over the last ten seconds."},
    StatsField{"age_p99", &EdgeStats::age_p99, "edge_age_p99_seconds", "gauge",
               "99th percentile of the same age."},
};

template <class Fields, class See>
constexpr void for_each_field(const Fields& fields, const See& see) {
  std::apply([&](const auto&... field) { (see(field), ...); }, fields);
}

}  // namespace freshframe
