// The services of the demo platform, each as a server ready to listen. Data is in memory.
#pragma once

#include <memory>
#include <string>

namespace httplib {
class Server;
}

namespace demo {

inline constexpr auto kAlpha = "6b0f6a6e-2d0f-4c1a-9d7e-0a1f5f0a0001";  // tenants
inline constexpr auto kBeta = "6b0f6a6e-2d0f-4c1a-9d7e-0a1f5f0b0002";
inline constexpr auto kAlphaVenue = "11111111-1111-4111-8111-111111111111";
inline constexpr auto kBetaVenue = "22222222-2222-4222-8222-222222222222";
inline constexpr auto kAlphaEvent = "33333333-3333-4333-8333-333333333333";
inline constexpr auto kBetaEvent = "44444444-4444-4444-8444-444444444444";
inline constexpr auto kAlphaTicketType = "55555555-5555-4555-8555-555555555555";
inline constexpr auto kBetaTicketType = "66666666-6666-4666-8666-666666666666";

std::unique_ptr<httplib::Server> auth_service(const std::string& key_file);
std::unique_ptr<httplib::Server> venue_service();
std::unique_ptr<httplib::Server> event_service();
std::unique_ptr<httplib::Server> ticket_service();

}  // namespace demo
