// TLS on one connection, under net::Stream: bytes of the socket to plain bytes and back.
//
// It reads the socket itself, at most once for what one turn of the loop needs, and never writes
// it: what has to leave is collected, and the stream sends it in one call. While nothing is under
// way it holds no buffer. One loop's thread.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "net/tls_client.hpp"
#include "net/tls_contexts.hpp"
#include "net/tls_tickets.hpp"
#include "observe/handshake.hpp"

struct bio_st;

namespace gw::net {

// What TLS connections of one loop share. Outlives them.
struct TlsServer {
    explicit TlsServer(const Clock& loop_clock) : clock(&loop_clock) {}
    const Clock* clock;                           // the loop's
    std::shared_ptr<const TlsContexts> contexts;  // null: TLS is off
    std::shared_ptr<const TicketKeys> tickets = TicketKeys::fresh();
    Millis handshake_timeout{10'000};
    std::string spare;  // storage for what leaves, kept warm
};

// Who a client has proved to be by its certificate.
struct TlsPeer {
    static constexpr std::size_t kBytesMax = 6UL * 1024;  // of the certificate: it goes into a head
    std::string subject;                                  // RFC 4514
    std::string fingerprint;                              // SHA-256 of the certificate, 32 bytes
    std::string field;                                    // as Client-Cert has it: RFC 9440, 2.1
};

class TlsSession {
  public:
    enum class Step : std::uint8_t { done, wants_input, ended, cut, broken };

    // A server's side of a connection.
    TlsSession(TlsServer& server, int fd);
    // A client's. spare: as TlsServer's.
    TlsSession(const TlsClient& client, std::string& spare, int fd);
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;
    ~TlsSession();

    // There may be something to read. last: the peer has left, and nothing more is announced.
    void input_came(bool last) {
        dry_ = false;
        last_ = last_ || last;
    }

    Step shake_hands();
    // done: `got` bytes, at least one. ended: the peer said goodbye. cut: it left without.
    Step read(std::span<char> into, std::size_t& got);
    // The same, and leaves the bytes.
    Step peek();
    // False when a read would find nothing for sure.
    [[nodiscard]] bool may_read() const;

    // Turns pieces, from `next` on, into records to be sent, as far as one run goes; moves `next`
    // and the pieces on. False: broken.
    bool seal(std::span<iovec> pieces, std::size_t& next, Instant now);
    // Says goodbye, once, if that still makes sense.
    void say_goodbye();

    [[nodiscard]] std::string_view output() const { return std::string_view(out_).substr(sent_); }
    void sent(std::size_t bytes);

    [[nodiscard]] bool ready() const { return ready_; }
    // What became of a server's handshake, when it has ended.
    [[nodiscard]] observe::Handshake outcome() const { return outcome_; }
    // Null: the client has shown no certificate, or was not asked for one.
    [[nodiscard]] const TlsPeer* peer() const { return peer_.get(); }
    // As net::Stream has it; of a server's side.
    [[nodiscard]] bool belongs_elsewhere(std::string_view host) const;
    // The application protocol that was agreed on, or "".
    [[nodiscard]] std::string_view alpn() const;
    // After the handshake: true, if the other side waits for nothing that is to be sent, which is
    // kept for the first answer. So it is with TLS 1.3's server, which has spoken before the
    // client's last words (RFC 8446, 4.6.1).
    [[nodiscard]] bool puts_tickets_by();
    // Why it broke: a literal.
    [[nodiscard]] const char* trouble() const { return trouble_; }

  private:
    friend struct TlsBio;
    struct Free {
        void operator()(ssl_st* tls) const;
    };
    static constexpr std::size_t kRecord = 16UL * 1024;  // the largest there is
    // A record is of use when it is complete: the first ones are small, so that a client can begin.
    static constexpr std::size_t kFirstRecord = 4UL * 1024;
    static constexpr std::size_t kFirstBytes = 16UL * 1024;
    static constexpr Millis kNewBurst{1'000};            // of silence
    static constexpr std::size_t kRun = 64UL * 1024;     // sealed at once
    static constexpr std::size_t kUnsentMax = 4 * kRun;  // an abuser's: asks and never reads

    Step judge(int result);
    const char* refusal(unsigned long error);
    bool meet_client();
    std::size_t record_size(Instant now);

    std::shared_ptr<const TlsContexts> contexts_;  // a server's
    std::string& spare_;
    std::unique_ptr<ssl_st, Free> tls_;
    std::unique_ptr<const TlsPeer> peer_;
    std::string out_;
    std::size_t sent_ = 0;
    std::size_t burst_ = 0;
    Instant wrote_{};
    const char* trouble_ = "";
    int fd_;
    observe::Handshake outcome_ = observe::Handshake::failed;
    bool dry_ = false;  // the socket had less than we asked for
    bool last_ = false;
    bool eof_ = false;
    bool ready_ = false;
    bool failed_ = false;
    bool said_goodbye_ = false;
};

}  // namespace gw::net
