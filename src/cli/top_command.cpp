#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <iostream>
#include <memory>

#include "cli/admin_client.hpp"
#include "cli/live_view.hpp"
#include "cli/operate_command.hpp"

namespace gw::cli {
namespace {

struct TopArguments {
    AdminArguments admin;
    bool once = false;
};

constexpr Millis kTickPatience{5'000};
constexpr std::size_t kEventsKept = 50;

// Keys come one by one and unseen, and the screen is another one, as long as this lives.
class RawTerminal {
  public:
    RawTerminal() {
        ::tcgetattr(STDIN_FILENO, &before_);
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
        ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        std::cout << "\x1b[?1049h\x1b[?25l" << std::flush;
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal() {
        std::cout << "\x1b[?25h\x1b[?1049l" << std::flush;
        ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }

    [[nodiscard]] static ScreenSize size() {
        winsize found{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0 || found.ws_col == 0) {
            return {};
        }
        return {found.ws_col, found.ws_row > 1 ? found.ws_row - 1UL : 1UL};
    }
    // q, Ctrl-C or the end of input.
    [[nodiscard]] static bool asked_to_end() {
        char key = 0;
        return ::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == '\x03';
    }

  private:
    termios before_{};
};

class Top {
  public:
    Top(const TopArguments& arguments, Terminal& terminal, bool live)
        : arguments_(arguments), terminal_(terminal), live_(live) {}

    int run() {
        auto client = AdminClient::make(arguments_.admin, terminal_);
        if (!client) {
            return client.error();
        }
        auto conversation = client->listen("/live", terminal_);
        if (!conversation) {
            return conversation.error();
        }
        std::optional<RawTerminal> raw;
        while (true) {
            const auto heard = conversation->wait(raw ? STDIN_FILENO : -1, kTickPatience);
            if (!heard || (heard->bytes.empty() && !heard->other && !heard->ended && !raw) ||
                feed_.too_much()) {
                raw.reset();
                terminal_.err << "the gateway tells no more\n";
                return kUnreachable;
            }
            feed_.take(heard->bytes);
            if (feed_.status() != 0 && feed_.status() != 200) {
                return client->turned_away(feed_.held(), terminal_);
            }
            if (live_ && !raw && feed_.status() == 200) {
                raw.emplace();
            }
            if ((heard->other && RawTerminal::asked_to_end()) || show_events()) {
                return kDone;
            }
            if (feed_.unreadable()) {
                raw.reset();
                terminal_.err << "what the gateway tells is no JSON: a service, a user or a banner "
                                 "may have a name that is no UTF-8\n";
                return kFailed;
            }
            if (heard->ended) {
                raw.reset();
                terminal_.err << "the gateway has ended the connection\n";
                return kUnreachable;
            }
        }
    }

  private:
    // True: that was all.
    bool show_events() {
        bool fresh = false;
        while (auto event = feed_.next()) {
            if (const auto* list = event->data.if_contains("events");
                list != nullptr && list->is_array()) {
                for (const boost::json::value& each : list->as_array()) {
                    events_.push_back(each);
                }
                while (events_.size() > kEventsKept) {
                    events_.erase(events_.begin());
                }
            }
            if (event->name != "tick") {
                continue;
            }
            tick_ = std::move(event->data);
            fresh = true;
            if (arguments_.admin.json) {
                terminal_.out << boost::json::serialize(tick_) << std::endl;
                if (arguments_.once) {
                    return true;
                }
            }
        }
        if (arguments_.admin.json || tick_.empty()) {
            return false;
        }
        if (!live_) {
            terminal_.out << screen_of(tick_, events_, {200, 1'000}, false);
            return true;
        }
        if (fresh || size_changed()) {
            draw();
        }
        return false;
    }
    bool size_changed() {
        const ScreenSize now = RawTerminal::size();
        const bool changed = now.columns != size_.columns || now.rows != size_.rows;
        size_ = now;
        return changed;
    }
    // Over what was there, line by line, so that nothing flickers.
    void draw() {
        size_ = RawTerminal::size();
        std::string text = screen_of(tick_, events_, size_, true);
        for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 5) {
            text.replace(at, 1, "\x1b[K\r\n");
        }
        terminal_.out << "\x1b[H" << text << "\x1b[J" << "q quits" << std::flush;
    }

    const TopArguments& arguments_;
    Terminal& terminal_;
    const bool live_;  // on a terminal, until told to end
    EventFeed feed_;
    boost::json::array events_;
    boost::json::object tick_;
    ScreenSize size_;
};

int top(const TopArguments& arguments, Terminal& terminal) {
    const bool live = !arguments.once && !arguments.admin.json && ::isatty(STDIN_FILENO) == 1 &&
                      ::isatty(STDOUT_FILENO) == 1;
    return Top(arguments, terminal, live).run();
}

}  // namespace

void add_top_command(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<TopArguments>();
    CLI::App* command = app.add_subcommand(
        "top", "Live: rates, latency, services, who meets errors and limits, security events");
    command->add_flag("--once", arguments->once, "Show it once; so it is without a terminal, too");
    add_admin_options(*command, arguments->admin);
    command->footer(
        "Examples:\n  api-gateway top\n  api-gateway top --once\n  api-gateway top --once --json\n"
        "With --json each second is a line. q quits.\n" +
        std::string(kOperateStatuses));
    command->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return top(*arguments, terminal); };
    });
}

}  // namespace gw::cli
