// Any bytes as an HTTP/2 connection: requests are read by the rules of h2_head and answered, bodies
// passed on, and whatever the client does, what it makes us hold and send stays bounded.
#include <cstdint>
#include <memory>
#include <vector>

#include "base/ensure.hpp"
#include "http/h2_head.hpp"
#include "http/h2_session.hpp"

namespace gw::http {
namespace {

constexpr std::size_t kStreamsMax = 8;

class Peer;

// Answers every request with a few bytes, once its head is there.
class Request final : public H2Session::Listener {
  public:
    Request(Peer& peer, std::int32_t id)
        : peer_(peer), id_(id), text_(16UL * 1024), reader_({}, text_, cookies_, head_) {}
    ~Request();

    void fields_began(bool trailers) override { in_trailers_ = trailers; }
    bool field(std::string_view name, std::string_view value) override {
        if (in_trailers_) {
            trailers_.take(name, value);
            return trailers_.decoded_bytes() < 128UL * 1024;
        }
        reader_.take(name, value);
        return reader_.decoded_bytes() < 128UL * 1024;
    }
    void fields_ended(bool last) override;
    void data(std::string_view bytes) override;
    void ended() override {}
    void closed(H2Code code) override;
    H2Session::Outgoing outgoing() override { return {.bytes = left_, .last = true}; }
    void taken(std::size_t bytes, bool last) override {
        ensure(!last || bytes == left_.size(), "an end before the last byte");
        left_.remove_prefix(bytes);
    }
    void end_sent() override {}
    std::string& literals() override { return literals_; }

  private:
    friend class Peer;
    Peer& peer_;
    std::int32_t id_;
    std::vector<char> text_;
    std::string cookies_;
    RequestHead head_;
    H2HeadReader reader_;
    H2Trailers trailers_;
    std::string literals_;
    std::string_view left_ = "an answer of a few bytes";
    bool in_trailers_ = false;
    bool closed_ = false;
};

class Peer final : H2Session::Events {
  public:
    void play(std::string_view bytes) {
        std::string out;
        bool good = true;
        while (!bytes.empty() && good && !session_.over()) {
            const auto size =
                std::min<std::size_t>(bytes.size(), 1 + static_cast<unsigned char>(bytes.front()));
            good = session_.receive(bytes.substr(0, size));
            bytes.remove_prefix(size);
            out.clear();
            session_.fill(out, 64UL * 1024);
            std::erase_if(requests_, [](const auto& request) { return request->closed_; });
        }
        session_.announce_end();
        session_.end();
        out.clear();
        session_.fill(out, 64UL * 1024);
        requests_.clear();
    }

  private:
    friend class Request;
    H2Session::Listener* stream_began(std::int32_t id) override {
        if (requests_.size() >= kStreamsMax) {
            return nullptr;
        }
        requests_.push_back(std::make_unique<Request>(*this, id));
        return requests_.back().get();
    }
    bool spend(H2Cost cost) override { return flood_.spend(cost, Instant{Millis{1}}); }
    void greeted() override {}
    void ping_answered() override {}
    void broken(H2Code /*code*/) override {}

    H2Flood flood_;
    H2Session session_{{.streams_max = kStreamsMax}, *this};
    std::vector<std::unique_ptr<Request>> requests_;
};

Request::~Request() {
    peer_.session_.forget(id_);
}

void Request::fields_ended(bool last) {
    if (in_trailers_) {
        return;
    }
    reader_.end(last);
    if (reader_.malformed()) {
        peer_.session_.reset(id_, H2Code::protocol_error);
        return;
    }
    if (reader_.defect() == nullptr) {
        // What goes on as HTTP/1.1 must be one reading of it.
        ensure(!head_.path.empty() && !head_.authority.empty() && !head_.method_text.empty(),
               "a request without a target");
        for (const Field& field : head_.headers) {
            ensure(malformed_field(field.name, field.value, field.known) == nullptr,
                   "a field that is none");
        }
    }
    ResponseHead answer;
    answer.status = 200;
    peer_.session_.respond(id_, answer, left_.size(), true, head_.method == Method::head);
}

void Request::data(std::string_view bytes) {
    peer_.session_.passed_on(id_, bytes.size());
}

void Request::closed(H2Code /*code*/) {
    closed_ = true;
}

}  // namespace
}  // namespace gw::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    std::string whole = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    whole.append("\0\0\0\4\0\0\0\0\0", 9).append(bytes);
    gw::http::Peer().play(whole);
    return 0;
}
