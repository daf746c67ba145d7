// What every part of the process stands on: its log, the control thread's loop, its metrics, and
// the configuration in force. Outlives all of them. Control thread.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.hpp"
#include "app/site_builder.hpp"
#include "config/environment.hpp"
#include "gateway/site.hpp"
#include "http/h1_pool.hpp"
#include "net/buffers.hpp"
#include "net/loop.hpp"
#include "observe/exposition.hpp"
#include "observe/log.hpp"
#include "observe/log_tap.hpp"

namespace gw::app {

struct Foundation {
    // commit: what the program was built from.
    Foundation(LoadedSite loaded, std::string_view commit);
    Foundation(const Foundation&) = delete;
    Foundation& operator=(const Foundation&) = delete;

    // From here on this is what is in force; those who follow it are told by whoever calls this.
    void adopt(LoadedSite loaded);

    const config::Environment environment = config::Environment::of_process();
    const WallTime started = net::system_clocks().wall;

    // In force; a reload replaces all three. The site may have other limits than the settings say,
    // where operators have changed them.
    std::shared_ptr<const Settings> settings;
    std::shared_ptr<const gateway::Site> site;
    std::vector<identity::Key> keys;  // that the configuration itself holds

    // Somebody has asked the process to end.
    bool stopping = false;

    // As net::Resolver takes them. A reload does not change them.
    const std::string name_servers;

    observe::LogTap tap;
    observe::LogSink sink{STDOUT_FILENO};
    observe::Log log;
    net::Loop loop;
    observe::Exposition exposition{sink, started};

    // For the control thread's own HTTP, in both directions.
    net::BufferPool buffers{16UL * 1024, 4};
    http::H1Pool h1{.buffers = buffers, .server = {}, .client = {}};

  private:
    // In the log and the metrics.
    void name_this();
};

}  // namespace gw::app
