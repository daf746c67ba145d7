#include "net/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "net/socket_calls.hpp"

namespace gw::net {

// The library's view of the socket.
struct TlsBio {
    static TlsSession& session(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* into, int size) {
        TlsSession& self = session(bio);
        BIO_clear_retry_flags(bio);
        if (self.dry_) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t wanted = static_cast<std::size_t>(size);
        ssize_t got = 0;
        do {
            got = socket_receive(self.fd_, {into, wanted});
        } while (got < 0 && errno == EINTR);
        if (got > 0) {
            // As in Stream: a short read has emptied the socket, unless the end is still to be
            // read.
            self.dry_ = static_cast<std::size_t>(got) < wanted && !self.last_;
            return static_cast<int>(got);
        }
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            self.dry_ = true;
            BIO_set_retry_read(bio);
            return -1;
        }
        self.eof_ = true;
        return 0;
    }

    static int write(BIO* bio, const char* bytes, int size) {
        TlsSession& self = session(bio);
        BIO_clear_retry_flags(bio);
        if (self.out_.capacity() < TlsSession::kRecord) {
            std::string room = std::exchange(self.spare_, {});
            room.clear();
            room.reserve(2 * TlsSession::kRecord);
            room.append(self.out_, self.sent_);  // what was put by
            self.sent_ = 0;
            self.out_ = std::move(room);
        }
        if (self.out_.size() - self.sent_ > TlsSession::kUnsentMax) {
            return -1;
        }
        self.out_.append(bytes, static_cast<std::size_t>(size));
        return size;
    }

    static long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
        if (command == BIO_CTRL_EOF) {
            return session(bio).eof_ ? 1 : 0;
        }
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }

    static BIO_METHOD* make() {
        BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "loop");
        ensure(method != nullptr, "OpenSSL makes no method");
        BIO_meth_set_read(method, &read);
        BIO_meth_set_write(method, &write);
        BIO_meth_set_ctrl(method, &control);
        return method;
    }

    static BIO* over(TlsSession& session) {
        static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> kMethod(make(),
                                                                                   &BIO_meth_free);
        BIO* const bio = BIO_new(kMethod.get());
        ensure(bio != nullptr, "OpenSSL makes no buffer");
        BIO_set_data(bio, &session);
        BIO_set_init(bio, 1);
        return bio;
    }
};

namespace {

const char* trouble_of(unsigned long error) {
    switch (ERR_GET_REASON(error)) {
        case SSL_R_HTTP_REQUEST:
            return "plain HTTP on the port for TLS";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_UNKNOWN_PROTOCOL:
            return "a version of TLS that is not spoken here";
        case SSL_R_NO_SHARED_CIPHER:
            return "no common cipher";
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return "no common application protocol";
        case SSL_R_WRONG_VERSION_NUMBER:
            return "not TLS";
        default:
            return "TLS failed";
    }
}

const char* client_distrust_of(long verdict) {
    switch (verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "the client's certificate has expired";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "the client's certificate is not valid yet";
        case X509_V_ERR_INVALID_PURPOSE:
            return "the client's certificate is not one for clients";
        default:
            return "the client's certificate leads to nobody who is trusted";
    }
}

const char* distrust_of(long verdict) {
    switch (verdict) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "the service's certificate has expired";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "the service's certificate is not valid yet";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "the service's certificate is for another name";
        default:
            return "the service's certificate leads to nobody who is trusted";
    }
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* tls) const {
    SSL_free(tls);
}

TlsSession::TlsSession(TlsServer& server, int fd)
    : contexts_(server.contexts),
      spare_(server.spare),
      tls_(SSL_new(contexts_->context_for(""))),
      fd_(fd) {
    ensure(tls_ != nullptr, "OpenSSL makes no connection");
    BIO* const bio = TlsBio::over(*this);
    SSL_set_bio(tls_.get(), bio, bio);
    SSL_set_app_data(tls_.get(), &server);
    SSL_set_accept_state(tls_.get());
}

TlsSession::TlsSession(const TlsClient& client, std::string& spare, int fd)
    : spare_(spare), tls_(client.begin()), fd_(fd) {
    BIO* const bio = TlsBio::over(*this);
    SSL_set_bio(tls_.get(), bio, bio);
}

TlsSession::~TlsSession() = default;

TlsSession::Step TlsSession::judge(int result) {
    switch (SSL_get_error(tls_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Step::wants_input;
        case SSL_ERROR_ZERO_RETURN:
            return Step::ended;
        default:
            break;
    }
    failed_ = true;
    trouble_ = refusal(ERR_peek_error());
    ERR_clear_error();
    return eof_ ? Step::cut : Step::broken;
}

const char* TlsSession::refusal(unsigned long error) {
    if (SSL_is_server(tls_.get()) == 1) {
        const int reason = ERR_GET_REASON(error);
        if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE ||
            reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            outcome_ = observe::Handshake::unverified;
            return reason == SSL_R_CERTIFICATE_VERIFY_FAILED
                       ? client_distrust_of(SSL_get_verify_result(tls_.get()))
                       : "the client showed no certificate";
        }
    } else if (const long verdict = SSL_get_verify_result(tls_.get());
               verdict != X509_V_OK && !ready_) {
        return distrust_of(verdict);
    }
    return eof_ ? "the peer left without a TLS goodbye" : trouble_of(error);
}

// False: nothing can be done with what it has shown.
bool TlsSession::meet_client() {
    X509* const shown = SSL_get0_peer_certificate(tls_.get());
    if (shown == nullptr) {
        return true;
    }
    unsigned char* der = nullptr;
    const int size = i2d_X509(shown, &der);
    const bool fits = size > 0 && static_cast<std::size_t>(size) <= TlsPeer::kBytesMax;
    if (fits) {
        auto peer = std::make_unique<TlsPeer>();
        std::string text(4 * ((static_cast<std::size_t>(size) + 2) / 3) + 1, '\0');
        const int length =
            EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), der, size);
        text.resize(static_cast<std::size_t>(length));
        peer->field = ":" + text + ":";
        peer->fingerprint.resize(EVP_MAX_MD_SIZE);
        unsigned digest_size = 0;
        X509_digest(shown, EVP_sha256(), reinterpret_cast<unsigned char*>(peer->fingerprint.data()),
                    &digest_size);
        peer->fingerprint.resize(digest_size);
        BIO* const line = BIO_new(BIO_s_mem());
        X509_NAME_print_ex(line, X509_get_subject_name(shown), 0, XN_FLAG_RFC2253);
        char* bytes = nullptr;
        const long count = BIO_get_mem_data(line, &bytes);
        peer->subject.assign(bytes, static_cast<std::size_t>(std::max(count, 0L)));
        BIO_free(line);
        peer_ = std::move(peer);
    }
    OPENSSL_free(der);
    return fits;
}

TlsSession::Step TlsSession::shake_hands() {
    ERR_clear_error();
    const int result = SSL_do_handshake(tls_.get());
    if (result != 1) {
        return judge(result);
    }
    if (contexts_ != nullptr && contexts_->asks_clients() && !meet_client()) {
        failed_ = true;
        outcome_ = observe::Handshake::unverified;
        trouble_ = "the client's certificate is too large";
        return Step::broken;
    }
    outcome_ = SSL_session_reused(tls_.get()) == 1 ? observe::Handshake::resumed
                                                   : observe::Handshake::full;
    ready_ = true;
    return Step::done;
}

TlsSession::Step TlsSession::read(std::span<char> into, std::size_t& got) {
    got = 0;
    ERR_clear_error();
    do {
        std::size_t piece = 0;
        const int result = SSL_read_ex(tls_.get(), into.data() + got, into.size() - got, &piece);
        if (result != 1) {
            // What came before it counts first; the rest is found again.
            return got > 0 ? Step::done : judge(result);
        }
        got += piece;
    } while (got < into.size() && SSL_has_pending(tls_.get()) == 1);
    return Step::done;
}

TlsSession::Step TlsSession::peek() {
    ERR_clear_error();
    char byte = 0;
    std::size_t got = 0;
    const int result = SSL_peek_ex(tls_.get(), &byte, 1, &got);
    return result == 1 ? Step::done : judge(result);
}

bool TlsSession::may_read() const {
    return !dry_ || SSL_has_pending(tls_.get()) == 1;
}

std::size_t TlsSession::record_size(Instant now) {
    if (now - wrote_ > kNewBurst) {
        burst_ = 0;
    }
    wrote_ = now;
    return burst_ < kFirstBytes ? kFirstRecord : kRecord;
}

bool TlsSession::seal(std::span<iovec> pieces, std::size_t& next, Instant now) {
    std::array<char, kRecord> gathered;
    ERR_clear_error();
    while (next < pieces.size() && out_.size() < kRun) {
        const std::size_t most = record_size(now);
        std::string_view record;
        if (pieces[next].iov_len >= most || next + 1 == pieces.size()) {
            record = {static_cast<const char*>(pieces[next].iov_base),
                      std::min(most, pieces[next].iov_len)};
        } else {
            std::size_t filled = 0;
            for (std::size_t i = next; i < pieces.size() && filled < most; ++i) {
                const std::size_t part = std::min(most - filled, pieces[i].iov_len);
                std::memcpy(gathered.data() + filled, pieces[i].iov_base, part);
                filled += part;
            }
            record = {gathered.data(), filled};
        }
        std::size_t taken = 0;
        if (SSL_write_ex(tls_.get(), record.data(), record.size(), &taken) != 1) {
            judge(0);
            failed_ = true;
            return false;
        }
        burst_ += taken;
        while (next < pieces.size() && taken >= pieces[next].iov_len) {
            taken -= pieces[next++].iov_len;
        }
        if (next < pieces.size()) {
            pieces[next].iov_base = static_cast<char*>(pieces[next].iov_base) + taken;
            pieces[next].iov_len -= taken;
        }
    }
    return true;
}

void TlsSession::say_goodbye() {
    // In the middle of a record it would be no goodbye.
    if (ready_ && !failed_ && !said_goodbye_ && sent_ == 0) {
        said_goodbye_ = true;
        ERR_clear_error();
        SSL_shutdown(tls_.get());
        ERR_clear_error();
    }
}

void TlsSession::sent(std::size_t bytes) {
    sent_ += bytes;
    if (sent_ < out_.size()) {
        return;
    }
    sent_ = 0;
    if (spare_.capacity() < kRecord && out_.capacity() <= 2 * kRun) {
        spare_ = std::exchange(out_, {});
    }
    out_ = std::string();
}

bool TlsSession::puts_tickets_by() {
    if (SSL_is_server(tls_.get()) != 1 || SSL_version(tls_.get()) < TLS1_3_VERSION) {
        return false;
    }
    // Whoever says nothing for long has little held for him.
    std::string left(out_, sent_);
    sent_ = 0;
    spare_ = std::exchange(out_, std::move(left));
    return true;
}

bool TlsSession::belongs_elsewhere(std::string_view host) const {
    if (contexts_ == nullptr || contexts_->certificates().size() < 2) {
        return false;
    }
    const char* const asked = SSL_get_servername(tls_.get(), TLSEXT_NAMETYPE_host_name);
    return asked != nullptr && !equal_ignore_case(asked, host) &&
           contexts_->is_only_others(host, SSL_get_SSL_CTX(tls_.get()));
}

std::string_view TlsSession::alpn() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(tls_.get(), &name, &length);
    return {reinterpret_cast<const char*>(name), length};
}

}  // namespace gw::net
