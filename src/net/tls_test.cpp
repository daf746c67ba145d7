// TLS of streams against the library's own client, over real sockets; certificates are made here.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <filesystem>
#include <thread>

#include "net/scope.hpp"
#include "net/stream.hpp"
#include "net/tls_session.hpp"

namespace gw::net {
namespace {

constexpr PaceLimits kPatient{
    .stall = Millis{5'000}, .stretch = Millis{10'000}, .bytes_per_second = 0};

template <class T, void (*release)(T*)>
struct Free {
    void operator()(T* object) const { release(object); }
};
template <class T, void (*release)(T*)>
using Owned = std::unique_ptr<T, Free<T, release>>;
void close_file(FILE* file) {
    std::fclose(file);
}
using File = Owned<FILE, close_file>;

// A folder with a pair of files for each name.
class Tls : public testing::Test {
  protected:
    Tls() {
        std::string pattern = testing::TempDir() + "tls-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~Tls() override { std::filesystem::remove_all(folder_); }

    TlsCertificateOptions make(const std::string& stem, const std::string& names) {
        const Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
        const Owned<X509, X509_free> certificate(X509_new());
        X509* const x = certificate.get();
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_gmtime_adj(X509_getm_notBefore(x), -60);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_set_pubkey(x, key.get());
        const Owned<X509_EXTENSION, X509_EXTENSION_free> alternatives(
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
        X509_add_ext(x, alternatives.get(), -1);
        X509_sign(x, key.get(), EVP_sha256());
        TlsCertificateOptions files{folder_ + "/" + stem + ".crt", folder_ + "/" + stem + ".key"};
        PEM_write_X509(File(std::fopen(files.cert_file.c_str(), "w")).get(), x);
        PEM_write_PrivateKey(File(std::fopen(files.key_file.c_str(), "w")).get(), key.get(),
                             nullptr, nullptr, 0, nullptr, nullptr);
        return files;
    }

    std::string folder_;
};

std::vector<std::string> flaws_of(const TlsOptions& options) {
    std::vector<std::string> found;
    const auto loaded = TlsContexts::load(options, {"http/1.1"});
    if (!loaded) {
        for (const TlsFlaw& flaw : loaded.error()) {
            found.push_back(std::to_string(flaw.index) + " " + std::string(flaw.setting) + " " +
                            flaw.flaw.what);
        }
    }
    return found;
}

TEST_F(Tls, FindsTheCertificateOfAName) {
    TlsOptions options;
    options.certificates = {make("a", "DNS:a.test"), make("b", "DNS:*.b.test,DNS:B2.test")};
    const auto loaded = TlsContexts::load(options, {"http/1.1"});
    ASSERT_TRUE(loaded.has_value());
    const TlsContexts& contexts = **loaded;
    ssl_ctx_st* const a = contexts.context_for("a.test");
    ssl_ctx_st* const b = contexts.context_for("x.b.test");
    EXPECT_NE(a, b);
    EXPECT_EQ(contexts.context_for("A.TEST."), a);
    EXPECT_EQ(contexts.context_for("b2.test"), b);
    EXPECT_EQ(contexts.context_for("X.b.Test"), b);
    // A wildcard stands for one label (RFC 6125, 6.4.3); whatever nobody holds gets the first.
    for (const char* other : {"b.test", "x.y.b.test", "", ".", "other"}) {
        EXPECT_EQ(contexts.context_for(other), a) << other;
    }
    EXPECT_EQ(contexts.alpn(), std::string_view("\x08http/1.1"));
    EXPECT_EQ(contexts.certificates()[1].names, (std::vector<std::string>{"*.b.test", "b2.test"}));
}

TEST_F(Tls, SaysOfEachFileWhatIsWrongWithIt) {
    const TlsCertificateOptions a = make("a", "DNS:a.test");
    const TlsCertificateOptions b = make("b", "DNS:b.test");
    TlsOptions options;
    options.cert_file = a.cert_file;
    options.certificates = {{a.cert_file, b.key_file},
                            {a.key_file, a.key_file},
                            {a.cert_file, a.cert_file},
                            {folder_ + "/none", a.key_file},
                            b};
    const std::vector<std::string> found = flaws_of(options);
    ASSERT_EQ(found.size(), 5U);
    EXPECT_EQ(found[0], "0 key_file is not set");
    EXPECT_NE(found[1].find("1 key_file names"), std::string::npos);
    EXPECT_NE(found[1].find("is not the key of"), std::string::npos);
    EXPECT_NE(found[2].find("2 cert_file"), std::string::npos);
    EXPECT_NE(found[2].find("no usable certificate"), std::string::npos);
    EXPECT_NE(found[3].find("no usable private key"), std::string::npos);
    EXPECT_NE(found[4].find("cannot be read: No such file"), std::string::npos);
}

// A blocking client on a thread of its own, since both sides must move.
struct Peer {
    Owned<SSL_CTX, SSL_CTX_free> context{SSL_CTX_new(TLS_client_method())};
    Owned<SSL, SSL_free> tls;

    bool connect(int fd) {
        tls.reset(SSL_new(context.get()));
        SSL_set_fd(tls.get(), fd);
        return SSL_connect(tls.get()) == 1;
    }
};

struct Ends {
    Fd ours;
    Fd theirs;
};
Ends connected() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    EXPECT_EQ(::fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    return {Fd{fds[0]}, Fd{fds[1]}};
}

struct Seen {
    Result<void> shaken = fail(Errc::system, Fault::self, "");
    std::string received;
    bool ended = false;
    Errc broken{};
    std::string alpn;
};

// Shakes hands, sends back whatever comes, in one turn's worth each, until the end.
Task<void> echo(Stream& stream, TlsServer& server, Seen& seen) {
    stream.use_tls(server);
    seen.shaken = co_await stream.handshake(stream.loop().now() + server.handshake_timeout);
    if (!seen.shaken) {
        stream.loop().stop();
        co_return;
    }
    seen.alpn = stream.alpn();
    std::array<char, 30'000> part{};
    while (true) {
        const Instant until = stream.loop().now() + Millis{5'000};
        const Result<void> ready = co_await stream.readable(until);
        const Result<std::size_t> got =
            ready ? co_await stream.read_some(part, until) : std::unexpected(ready.error());
        if (!got || *got == 0) {
            seen.ended = got.has_value();
            seen.broken = got ? Errc{} : got.error().code;
            break;
        }
        const std::string_view bytes(part.data(), *got);
        seen.received += bytes;
        co_await stream.write(bytes.substr(0, 3), bytes.substr(std::min<std::size_t>(3, *got)), {},
                              kPatient);
    }
    stream.loop().stop();
}

class TlsStream : public Tls {
  protected:
    TlsStream() {
        TlsOptions options;
        options.certificates = {make("a", "DNS:a.test")};
        server_.contexts = *TlsContexts::load(options, {"h2", "http/1.1"});
    }
    void serve(Fd fd) {
        Stream stream(loop_, std::move(fd), Fault::client);
        Scope scope;
        scope.spawn(echo(stream, server_, seen_));
        if (scope.live() > 0) {
            loop_.run();
        }
        ASSERT_EQ(scope.live(), 0U);
    }
    Loop loop_;
    TlsServer server_{loop_.clock()};
    Seen seen_;
};

TEST_F(TlsStream, CarriesBytesBothWaysUnchanged) {
    Ends ends = connected();
    std::string sent(3'000'000, '\0');
    for (std::size_t i = 0; i < sent.size(); ++i) {
        sent[i] = static_cast<char>(i * 7 + i / 251);
    }
    std::string returned;
    bool goodbye = false;
    std::jthread client([&] {
        Peer peer;
        const std::string_view offered("\x08http/1.1\x02h2");
        SSL_CTX_set_alpn_protos(peer.context.get(),
                                reinterpret_cast<const unsigned char*>(offered.data()),
                                static_cast<unsigned>(offered.size()));
        ASSERT_TRUE(peer.connect(ends.theirs.get()));
        std::string part(70'000, '\0');
        for (std::size_t at = 0; at < sent.size();) {
            const std::size_t size = std::min(sent.size() - at, 1 + at % part.size());
            ASSERT_GT(SSL_write(peer.tls.get(), sent.data() + at, static_cast<int>(size)), 0);
            for (std::size_t back = 0; back < size;) {
                const int got =
                    SSL_read(peer.tls.get(), part.data(), static_cast<int>(part.size()));
                ASSERT_GT(got, 0);
                returned.append(part.data(), static_cast<std::size_t>(got));
                back += static_cast<std::size_t>(got);
            }
            at += size;
        }
        SSL_shutdown(peer.tls.get());
        char more = 0;
        goodbye = SSL_read(peer.tls.get(), &more, 1) == 0 &&
                  SSL_get_shutdown(peer.tls.get()) == (SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    });
    serve(std::move(ends.ours));
    client.join();
    EXPECT_TRUE(seen_.shaken.has_value());
    EXPECT_EQ(seen_.alpn, "h2");  // our order counts
    EXPECT_TRUE(seen_.ended);
    EXPECT_TRUE(goodbye);
    EXPECT_TRUE(seen_.received == sent);
    EXPECT_TRUE(returned == sent);
}

TEST_F(TlsStream, NewKeysOnTheWayAreNoInput) {
    Ends ends = connected();
    std::string answer(5, '\0');
    std::jthread client([&] {
        Peer peer;
        ASSERT_TRUE(peer.connect(ends.theirs.get()));
        for (int i = 0; i < 3; ++i) {
            ASSERT_EQ(SSL_key_update(peer.tls.get(), SSL_KEY_UPDATE_REQUESTED), 1);
            ASSERT_EQ(SSL_do_handshake(peer.tls.get()), 1);
        }
        ASSERT_EQ(SSL_write(peer.tls.get(), "hello", 5), 5);
        std::size_t got = 0;
        while (got < 5) {
            const int piece = SSL_read(peer.tls.get(), answer.data() + got, 5);
            ASSERT_GT(piece, 0);
            got += static_cast<std::size_t>(piece);
        }
        SSL_shutdown(peer.tls.get());
    });
    serve(std::move(ends.ours));
    client.join();
    EXPECT_EQ(answer, "hello");
    EXPECT_EQ(seen_.received, "hello");
}

TEST_F(TlsStream, AnEndWithoutAGoodbyeIsNoEnd) {
    Ends ends = connected();
    std::jthread client([&] {
        Peer peer;
        ASSERT_TRUE(peer.connect(ends.theirs.get()));
        ASSERT_EQ(SSL_write(peer.tls.get(), "half", 4), 4);
        char back = 0;
        ASSERT_EQ(SSL_read(peer.tls.get(), &back, 1), 1);
        SSL_set_quiet_shutdown(peer.tls.get(), 1);
        ends.theirs.reset();
    });
    serve(std::move(ends.ours));
    client.join();
    EXPECT_FALSE(seen_.ended);
    EXPECT_EQ(seen_.broken, Errc::reset);
}

TEST_F(TlsStream, WhatIsNoTlsEndsTheHandshake) {
    Ends ends = connected();
    const std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    ASSERT_EQ(::send(ends.theirs.get(), request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    serve(std::move(ends.ours));
    ASSERT_FALSE(seen_.shaken.has_value());
    EXPECT_EQ(seen_.shaken.error().code, Errc::malformed);
    EXPECT_STREQ(seen_.shaken.error().detail, "plain HTTP on the port for TLS");
}

TEST_F(TlsStream, AHandshakeThatNeverEndsIsGivenUp) {
    Ends ends = connected();
    server_.handshake_timeout = Millis{50};
    ASSERT_EQ(::send(ends.theirs.get(), "\x16\x03\x01", 3, 0), 3);
    serve(std::move(ends.ours));
    ASSERT_FALSE(seen_.shaken.has_value());
    EXPECT_EQ(seen_.shaken.error().code, Errc::timeout);
}

TEST_F(TlsStream, OldVersionsAndCiphersAreRefused) {
    for (const bool old_version : {true, false}) {
        Loop loop;
        Ends ends = connected();
        bool connected_anyway = true;
        std::jthread client([&] {
            Peer peer;
            SSL_CTX_set_security_level(peer.context.get(), 0);
            if (old_version) {
                SSL_CTX_set_min_proto_version(peer.context.get(), TLS1_VERSION);
                SSL_CTX_set_max_proto_version(peer.context.get(), TLS1_1_VERSION);
            } else {
                SSL_CTX_set_max_proto_version(peer.context.get(), TLS1_2_VERSION);
                SSL_CTX_set_cipher_list(peer.context.get(),
                                        "ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256");
            }
            connected_anyway = peer.connect(ends.theirs.get());
            ERR_clear_error();
        });
        Stream stream(loop, std::move(ends.ours), Fault::client);
        Seen seen;
        Scope scope;
        scope.spawn(echo(stream, server_, seen));
        if (scope.live() > 0) {
            loop.run();
        }
        client.join();
        EXPECT_FALSE(seen.shaken.has_value());
        EXPECT_FALSE(connected_anyway);
    }
}

}  // namespace
}  // namespace gw::net
