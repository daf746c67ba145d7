#include "net/tls_staple.hpp"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "config/file.hpp"

namespace gw::net {
namespace {

constexpr std::size_t kBytesMax = 64UL * 1024;  // of a file; responses have one to four KiB

template <class T, void (*release)(T*)>
struct Free {
    void operator()(T* object) const { release(object); }
};
template <class T, void (*release)(T*)>
using Owned = std::unique_ptr<T, Free<T, release>>;

// Whoever issued it, among what is sent with it.
X509* issuer_of(SSL_CTX* context, X509* certificate) {
    if (X509_check_issued(certificate, certificate) == X509_V_OK) {
        return certificate;
    }
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(context, &chain);
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        if (X509* const one = sk_X509_value(chain, i);
            X509_check_issued(one, certificate) == X509_V_OK) {
            return one;
        }
    }
    return nullptr;
}

// The statement about this certificate; null: there is none.
OCSP_SINGLERESP* statement_for(OCSP_BASICRESP* basic, X509* certificate, X509* issuer) {
    for (int i = 0; i < OCSP_resp_count(basic); ++i) {
        OCSP_SINGLERESP* const single = OCSP_resp_get0(basic, i);
        // The library gives the parts of an id only from one that may be changed.
        auto* const id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
        ASN1_OBJECT* digest = nullptr;
        OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, id);
        const EVP_MD* const kind = EVP_get_digestbyobj(digest);
        const Owned<OCSP_CERTID, OCSP_CERTID_free> ours(
            kind == nullptr ? nullptr : OCSP_cert_to_id(kind, certificate, issuer));
        if (ours != nullptr && OCSP_id_cmp(ours.get(), id) == 0) {
            return single;
        }
    }
    return nullptr;
}

bool signed_by(OCSP_BASICRESP* basic, X509* issuer) {
    const Owned<X509_STORE, X509_STORE_free> trusted(X509_STORE_new());
    X509_STORE_add_cert(trusted.get(), issuer);
    X509_STORE_set_flags(trusted.get(), X509_V_FLAG_PARTIAL_CHAIN);
    STACK_OF(X509)* const known = sk_X509_new_null();
    sk_X509_push(known, issuer);
    const bool good = OCSP_basic_verify(basic, known, trusted.get(), 0) == 1;
    sk_X509_free(known);
    ERR_clear_error();
    return good;
}

std::optional<WallTime> time_of(const ASN1_GENERALIZEDTIME* time) {
    tm when{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &when) != 1) {
        return std::nullopt;
    }
    return std::chrono::system_clock::from_time_t(::timegm(&when));
}

config::Flaw judge(OCSP_RESPONSE* response, SSL_CTX* context, TlsStaple& staple) {
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        return {"holds a responder's refusal", "ask the responder again"};
    }
    const Owned<OCSP_BASICRESP, OCSP_BASICRESP_free> basic(OCSP_response_get1_basic(response));
    X509* const certificate = SSL_CTX_get0_certificate(context);
    X509* const issuer = issuer_of(context, certificate);
    if (issuer == nullptr) {
        return {"cannot be checked: the certificate of the issuer is not in cert_file",
                "append it there, behind the server's own"};
    }
    OCSP_SINGLERESP* const single =
        basic == nullptr ? nullptr : statement_for(basic.get(), certificate, issuer);
    if (single == nullptr) {
        return {"is about another certificate", "fetch the response for the one in cert_file"};
    }
    if (!signed_by(basic.get(), issuer)) {
        return {"is not signed by who issued the certificate",
                "fetch it from the responder that the certificate names"};
    }
    int reason = 0;
    ASN1_GENERALIZEDTIME* next = nullptr;
    const int status = OCSP_single_get0_status(single, &reason, nullptr, nullptr, &next);
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        return {"says that the certificate is revoked", "replace the certificate"};
    }
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        return {"says that the certificate is unknown", "ask the issuer for a certificate"};
    }
    const std::optional<WallTime> until = time_of(next);
    if (!until) {
        return {"does not say until when it is true (nextUpdate)",
                "have the responder give responses an end"};
    }
    staple.until = *until;
    return {};
}

}  // namespace

std::expected<std::unique_ptr<const TlsStaple>, config::Flaw> load_staple(const std::string& file,
                                                                          ssl_ctx_st* context) {
    auto bytes = config::read_file(file, kBytesMax);
    if (!bytes || bytes->empty()) {
        return std::unexpected(config::Flaw{
            "names " + config::quote(file) + ", which " + (bytes ? "is empty" : bytes.error().what),
            "give the path of an OCSP response in DER, or remove the setting"});
    }
    const auto* at = reinterpret_cast<const unsigned char*>(bytes->data());
    const Owned<OCSP_RESPONSE, OCSP_RESPONSE_free> response(
        d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes->size())));
    ERR_clear_error();
    if (response == nullptr) {
        return std::unexpected(config::Flaw{
            "names " + config::quote(file) + ", which holds no OCSP response in DER",
            "write what `openssl ocsp -respout` or a fetcher writes there, or remove the setting"});
    }
    auto staple = std::make_unique<TlsStaple>();
    staple->file = file;
    config::Flaw flaw = judge(response.get(), context, *staple);
    staple->trouble = std::move(flaw.what);
    staple->remedy = std::move(flaw.remedy);
    staple->response = *std::move(bytes);
    return staple;
}

}  // namespace gw::net
