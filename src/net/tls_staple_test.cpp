// OCSP responses made here, about a certificate that signed itself and may therefore sign them.
#include "net/tls_staple.hpp"

#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>

namespace gw::net {
namespace {

template <class T, void (*release)(T*)>
struct Free {
    void operator()(T* object) const { release(object); }
};
template <class T, void (*release)(T*)>
using Owned = std::unique_ptr<T, Free<T, release>>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;

struct Identity {
    explicit Identity(const char* name, long serial = 1) : key(EVP_EC_gen("P-256")), x(X509_new()) {
        X509_set_version(x.get(), 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x.get()), serial);
        X509_gmtime_adj(X509_getm_notBefore(x.get()), -60);
        X509_gmtime_adj(X509_getm_notAfter(x.get()), 3600);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
        X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
        X509_set_pubkey(x.get(), key.get());
        X509_sign(x.get(), key.get(), EVP_sha256());
    }
    Key key;
    Certificate x;
};

class Staple : public testing::Test {
  protected:
    Staple() {
        std::string pattern = testing::TempDir() + "staple-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        SSL_CTX_use_certificate(context_.get(), own_.x.get());
    }
    ~Staple() override { std::filesystem::remove_all(folder_); }

    // next: seconds from now to the end of what it says; 0: it names none.
    std::string response(const Identity& about, const Identity& by, int status, long next) {
        const Owned<OCSP_BASICRESP, OCSP_BASICRESP_free> basic(OCSP_BASICRESP_new());
        OCSP_CERTID* const id = OCSP_cert_to_id(EVP_sha1(), about.x.get(), about.x.get());
        ASN1_TIME* const then = X509_gmtime_adj(nullptr, -120);
        ASN1_TIME* const until = next == 0 ? nullptr : X509_gmtime_adj(nullptr, next);
        OCSP_basic_add1_status(basic.get(), id, status, 0,
                               status == V_OCSP_CERTSTATUS_REVOKED ? then : nullptr, then, until);
        OCSP_basic_sign(basic.get(), by.x.get(), by.key.get(), EVP_sha256(), nullptr, 0);
        const Owned<OCSP_RESPONSE, OCSP_RESPONSE_free> whole(
            OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
        ASN1_TIME_free(then);
        ASN1_TIME_free(until);
        OCSP_CERTID_free(id);
        unsigned char* der = nullptr;
        const int size = i2d_OCSP_RESPONSE(whole.get(), &der);
        std::string text(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
        OPENSSL_free(der);
        return text;
    }
    std::expected<std::unique_ptr<const TlsStaple>, config::Flaw> load(const std::string& bytes) {
        std::ofstream(folder_ + "/r", std::ios::binary) << bytes;
        return load_staple(folder_ + "/r", context_.get());
    }
    std::string trouble_of(const std::string& bytes) {
        const auto loaded = load(bytes);
        return loaded ? (*loaded)->trouble : "flaw: " + loaded.error().what;
    }

    std::string folder_;
    Owned<SSL_CTX, SSL_CTX_free> context_{SSL_CTX_new(TLS_server_method())};
    Identity own_{"own"};
};

constexpr int kGood = V_OCSP_CERTSTATUS_GOOD;

TEST_F(Staple, IsShownUntilItEndsAndNotAMomentLonger) {
    const WallTime now = std::chrono::system_clock::now();
    const std::string bytes = response(own_, own_, kGood, 600);
    const auto loaded = load(bytes);
    ASSERT_TRUE(loaded.has_value());
    const TlsStaple& staple = **loaded;
    EXPECT_EQ(staple.trouble, "");
    EXPECT_EQ(staple.response, bytes);
    EXPECT_TRUE(staple.good_at(now));
    EXPECT_TRUE(staple.good_at(staple.until - Millis{1}));
    EXPECT_FALSE(staple.good_at(staple.until));
    const auto late = load(response(own_, own_, kGood, -10));
    ASSERT_TRUE(late.has_value());
    EXPECT_EQ((*late)->trouble, "");
    EXPECT_FALSE((*late)->good_at(now));
}

TEST_F(Staple, MustBeAboutThisCertificateGoodAndByItsIssuer) {
    const Identity other("other");
    const Identity namesake("own", 2);
    EXPECT_EQ(trouble_of(response(other, own_, kGood, 600)), "is about another certificate");
    EXPECT_EQ(trouble_of(response(namesake, own_, kGood, 600)), "is about another certificate");
    EXPECT_EQ(trouble_of(response(own_, other, kGood, 600)),
              "is not signed by who issued the certificate");
    EXPECT_EQ(trouble_of(response(own_, own_, V_OCSP_CERTSTATUS_REVOKED, 600)),
              "says that the certificate is revoked");
    EXPECT_EQ(trouble_of(response(own_, own_, V_OCSP_CERTSTATUS_UNKNOWN, 600)),
              "says that the certificate is unknown");
    EXPECT_NE(trouble_of(response(own_, own_, kGood, 0)).find("nextUpdate"), std::string::npos);
    const Owned<OCSP_RESPONSE, OCSP_RESPONSE_free> later(
        OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_OCSP_RESPONSE(later.get(), &der);
    EXPECT_EQ(trouble_of({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}),
              "holds a responder's refusal");
    OPENSSL_free(der);
}

TEST_F(Staple, WhatIsNoResponseIsAFlaw) {
    const std::string good = response(own_, own_, kGood, 600);
    for (const std::string& bytes :
         {std::string(), std::string("<html>"), good.substr(0, 100), std::string(1'000'000, '0')}) {
        EXPECT_TRUE(trouble_of(bytes).starts_with("flaw: names ")) << bytes.size();
    }
    EXPECT_FALSE(load_staple(folder_ + "/none", context_.get()).has_value());
}

// The certificate that comes along may be damaged, since the issuer's own is at hand; what is said
// may not.
TEST_F(Staple, WhoeverChangesAByteMakesItSayNothingElse) {
    const std::string good = response(own_, own_, kGood, 600);
    const WallTime until = (*load(good))->until;
    int refused = 0;
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = static_cast<char>(changed[i] ^ 0x41);
        const auto loaded = load(changed);
        if (loaded && (*loaded)->trouble.empty()) {
            EXPECT_EQ((*loaded)->until, until) << i;
        } else {
            ++refused;
        }
    }
    EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace gw::net
