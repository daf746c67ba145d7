// What a containment has noted of itself, and what its undo may touch: only what is still its own,
// and nothing comes back that belonged to a containment which is undone itself. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "state/store.hpp"

namespace gw::control {

// What stood under a key, and the containment that held it; none: somebody else wrote it.
struct Standing {
    std::string value;
    std::optional<WallTime> until = std::nullopt;
    std::string containment{};
};

struct RecordedStep {
    std::string key;
    std::string written;  // never empty
    std::optional<WallTime> until = std::nullopt;
    std::optional<Standing> before = std::nullopt;
};

struct ContainRecord {
    bool undone = false;
    std::vector<RecordedStep> steps;  // without those that wrote nothing
};
using ContainRecords = std::map<std::string, ContainRecord, std::less<>>;  // by id

// The record is a key like others: of what it says only bans and revocations are taken.
ContainRecord read_contain_record(const boost::json::object& report);
boost::json::value standing_json(const std::optional<Standing>& standing);

// Why the undo of `id` leaves a key as it is; empty: it is its own still. An end that another has
// set shows by more than clocks differ.
std::string why_not_its_own(const RecordedStep& step, const std::optional<Standing>& there,
                            std::string_view id);
// What stands there once the step is gone: what was before it, without what is over, and without
// what belonged to a record that is undone. Records that are not there are in force.
std::optional<Standing> what_comes_back(const RecordedStep& step, const ContainRecords& records,
                                        WallTime now);
// The containments of which an undo of `record` has to know, as far as the record tells.
std::vector<std::string> held_before(const ContainRecord& record);

}  // namespace gw::control
