// demo-service auth|venue|event|ticket --port N [--host ADDRESS] [--key-file FILE]
#include <httplib.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "server.hpp"
#include "services.hpp"

int main(int argc, char** argv) {
    const std::string role = argc > 1 ? argv[1] : "";
    int port = 0;
    std::string host = "127.0.0.1";
    std::string key_file;
    for (int i = 2; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--port") {
            port = std::atoi(argv[i + 1]);
        } else if (name == "--host") {
            host = argv[i + 1];
        } else if (name == "--key-file") {
            key_file = argv[i + 1];
        }
    }
    std::unique_ptr<httplib::Server> server = role == "auth"     ? demo::auth_service(key_file)
                                              : role == "venue"  ? demo::venue_service()
                                              : role == "event"  ? demo::event_service()
                                              : role == "ticket" ? demo::ticket_service()
                                                                 : nullptr;
    if (server == nullptr || port <= 0) {
        std::fputs(
            "usage: demo-service auth|venue|event|ticket --port N [--host ADDRESS] [--key-file "
            "FILE]\n",
            stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    if (!demo::serve(*server, host, port)) {
        std::fprintf(stderr, "demo-service %s: port %d is taken\n", role.c_str(), port);
        return 1;
    }
    return 0;
}
