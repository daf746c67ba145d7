// Any bytes as what a service says on an HTTP/2 connection on which we have asked three things:
// each ends once, what it says is read by the rules of h2_response, and what we hold and send stays
// bounded.
#include <array>
#include <cstdint>
#include <string>

#include "base/ensure.hpp"
#include "http/h2_session.hpp"

namespace gw::http {
namespace {

class Service final : H2Session::Events {
  public:
    void play(std::string_view bytes) {
        ask();
        std::string out;
        session_.fill(out, 64UL * 1024);
        for (bool good = true; !bytes.empty() && good && !session_.over();) {
            const auto size =
                std::min<std::size_t>(bytes.size(), 1 + static_cast<unsigned char>(bytes.front()));
            good = session_.receive(bytes.substr(0, size));
            bytes.remove_prefix(size);
            out.clear();
            session_.fill(out, 64UL * 1024);
            ensure(out.size() <= 256UL * 1024, "an answer to little that is much");
        }
        session_.end();
        for (const Asked& asked : asked_) {
            if (asked.id != 0 && !asked.over) {
                session_.forget(asked.id);
            }
        }
    }

  private:
    struct Asked final : H2Session::Listener {
        Service* service = nullptr;
        std::int32_t id = 0;
        bool over = false;
        std::size_t fields = 0;
        std::string_view left = "a body of a few bytes";
        std::string literal_text;

        void fields_began(bool /*trailers*/) override { told(); }
        bool field(std::string_view name, std::string_view value) override {
            told();
            fields += name.size() + value.size();
            return fields < 128UL * 1024;
        }
        void fields_ended(bool /*last*/) override { told(); }
        void data(std::string_view bytes) override {
            told();
            service->session_.passed_on(id, bytes.size());
        }
        void ended() override { told(); }
        void closed(H2Code /*code*/) override {
            told();
            over = true;
        }
        H2Session::Outgoing outgoing() override { return {.bytes = left, .last = true}; }
        void taken(std::size_t bytes, bool /*last*/) override { left.remove_prefix(bytes); }
        void end_sent() override {}
        std::string& literals() override { return literal_text; }
        void told() const { ensure(!over, "something is told of a stream that is gone"); }
    };

    void ask() {
        RequestHead head;
        head.method = Method::post;
        head.method_text = "POST";
        head.path = "/a";
        head.authority = "service:1";
        for (Asked& asked : asked_) {
            asked.service = this;
            asked.id = session_.request(head, asked, &asked == &asked_.front());
        }
    }
    H2Session::Listener* stream_began(std::int32_t /*id*/) override { return nullptr; }
    bool spend(H2Cost cost) override { return flood_.spend(cost, Instant{Millis{1}}); }
    void greeted() override {}
    void ping_answered() override {}
    void broken(H2Code /*code*/) override {}

    H2Flood flood_;
    std::array<Asked, 3> asked_;
    H2Session session_{{}, *this, H2Session::Side::client};
};

}  // namespace
}  // namespace gw::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string whole("\0\0\0\4\0\0\0\0\0", 9);
    whole.append(reinterpret_cast<const char*>(data), size);
    gw::http::Service().play(whole);
    return 0;
}
