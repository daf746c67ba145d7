#include "identity/key.hpp"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/encoding.hpp"
#include "identity/strict_json.hpp"

namespace gw::identity {
namespace {

Key::Made of_jwk(std::string_view text) {
    const auto jwk = JsonMembers::parse(text);
    return jwk ? Key::of_jwk(*jwk) : std::unexpected("no JSON");
}

constexpr std::string_view kX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr std::string_view kY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
constexpr std::string_view kEd = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
constexpr std::string_view kPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q";

std::string ec(std::string_view more = "", std::string_view x = kX, std::string_view y = kY) {
    return R"({"kty":"EC","crv":"P-256","x":")" + std::string(x) + R"(","y":")" + std::string(y) +
           '"' + std::string(more) + '}';
}
std::string rsa(std::size_t bytes, std::string_view exponent = "AQAB") {
    return R"({"kty":"RSA","n":")" + base64url_encode(std::string(bytes, '\xC1')) + R"(","e":")" +
           std::string(exponent) + "\"}";
}
std::string okp(std::string_view x) {
    return R"({"kty":"OKP","crv":"Ed25519","x":")" + std::string(x) + "\"}";
}

// The published examples: RFC 7515 A.1 to A.4, RFC 8037 A.4.
TEST(Key, VerifiesThePublishedExamplesAndNothingNearThem) {
    struct Example {
        Key::Made key;
        Algorithm algorithm;
        std::string text;
        std::string_view signature;
    };
    const std::string secret = *base64url_decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwj"
        "AzZr1Z9CAow");
    const Example examples[] = {
        {Key::of_secret(secret), Algorithm::hs256,
         "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + std::string(kPayload),
         "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
        {of_jwk(ec()), Algorithm::es256, "eyJhbGciOiJFUzI1NiJ9." + std::string(kPayload),
         "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
        {of_jwk(R"({"kty":"RSA","e":"AQAB","n":")"
                "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2m"
                "JPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OM"
                "g0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY"
                "4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91"
                R"(kzk2PAcDTW9gb54h4FRWyuXpoQ"})"),
         Algorithm::rs256, "eyJhbGciOiJSUzI1NiJ9." + std::string(kPayload),
         "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
         "O8W2F"
         "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
         "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQB"
         "MHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
         "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeY"
         "I2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
        {of_jwk(R"({"kty":"EC","crv":"P-521","x":")"
                "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUx"
                R"(cWceqwQGk","y":")"
                "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf"
                R"(63e3kyMj2"})"),
         Algorithm::es512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
         "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
         "7XdtAG8"
         "GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
        {of_jwk(okp(kEd)), Algorithm::eddsa,
         "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
         "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"}};
    for (const auto& [key, algorithm, text, encoded] : examples) {
        SCOPED_TRACE(encoded);
        ASSERT_TRUE(key) << key.error();
        const std::string signature = *base64url_decode(encoded);
        EXPECT_TRUE(key->verifies(algorithm, text, signature));
        EXPECT_FALSE(key->verifies(algorithm, text + "x", signature));
        EXPECT_FALSE(key->verifies(algorithm, text, signature + '\0'));
        EXPECT_FALSE(key->verifies(algorithm, text, signature.substr(1)));
        EXPECT_FALSE(key->verifies(algorithm, text, ""));
        EXPECT_FALSE(key->verifies(algorithm, text, std::string(signature.size(), '\0')));
        EXPECT_FALSE(key->verifies(algorithm, text, std::string(signature.size(), '\xFF')));
        for (std::size_t i = 0; i < signature.size(); ++i) {
            std::string bent = signature;
            bent[i] = static_cast<char>(bent[i] ^ 1);
            EXPECT_FALSE(key->verifies(algorithm, text, bent)) << i;
        }
        for (unsigned other = 0; other <= static_cast<unsigned>(Algorithm::eddsa); ++other) {
            if (static_cast<Algorithm>(other) != algorithm) {
                EXPECT_FALSE(key->verifies(static_cast<Algorithm>(other), text, signature));
            }
        }
    }
}

TEST(Key, OnlySoundPublicKeysAreTaken) {
    const std::string p256 = ec();
    for (const std::string& good :
         {p256, ec(R"(,"use":"sig","key_ops":["sign","verify"],"alg":"ES256","kid":"a")"), rsa(256),
          rsa(1024), okp(kEd)}) {
        EXPECT_TRUE(of_jwk(good)) << good;
    }
    for (const std::string& bad :
         {std::string("{}"),
          std::string(R"({"kty":"oct","k":"AAAA"})"),
          std::string(R"({"kty":1})"),
          ec(R"(,"use":"enc")"),
          ec(R"(,"use":1)"),
          ec(R"(,"key_ops":["sign"])"),
          ec(R"(,"key_ops":"verify")"),
          ec(R"(,"alg":"RS256")"),
          ec(R"(,"alg":"ES384")"),
          ec(R"(,"alg":"none")"),
          ec(R"(,"alg":256)"),
          ec(R"(,"kid":7)"),
          ec(R"(,"kid":["a"])"),
          ec(R"(,"kid":")" + std::string(257, 'k') + '"'),
          ec(R"(,"d":"AAAA")"),
          ec("", kX, kX),
          ec("", kX.substr(2), kY),
          ec("", "AAAA", "AAAA"),
          rsa(128),
          rsa(255),
          rsa(1025),
          rsa(256, "AQ"),
          rsa(256, "AAE"),
          rsa(256, "AQAA"),
          rsa(256, "AA"),
          rsa(256, ""),
          rsa(256, "AQAB="),
          rsa(256, "AQAAAAAAAAAB"),
          okp(kEd.substr(0, 42)),
          okp("AAAA"),
          okp(std::string(kEd) + "AA"),
          std::string(R"({"kty":"OKP","crv":"X25519","x":")") + std::string(kEd) + "\"}"}) {
        EXPECT_FALSE(of_jwk(bad)) << bad;
    }
}

TEST(Key, ASecretIsNoKeyThatEverybodyKnows) {
    EXPECT_FALSE(Key::of_secret(""));
    EXPECT_FALSE(Key::of_secret("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"));
    EXPECT_FALSE(Key::of_pem("a secret"));
    EXPECT_FALSE(Key::of_pem("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"));
}

TEST(Key, PemHoldsOneKey) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> made(EVP_RSA_gen(2048),
                                                                   &EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> memory(BIO_new(BIO_s_mem()), &BIO_free_all);
    ASSERT_EQ(PEM_write_bio_PUBKEY(memory.get(), made.get()), 1);
    std::string pem(4'096, '\0');
    const int size = BIO_read(memory.get(), pem.data(), static_cast<int>(pem.size()));
    ASSERT_GT(size, 0);
    pem.resize(static_cast<std::size_t>(size));
    EXPECT_TRUE(Key::of_pem(pem));
    EXPECT_TRUE(Key::of_pem("a note\n" + pem + "another\n"));
    EXPECT_FALSE(Key::of_pem(pem + pem));
}

// Signs until the first byte is zero, and leaves it out: the same number, but not the same bytes.
TEST(Key, AnRsaSignatureHasTheLengthOfItsKey) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> made(EVP_RSA_gen(2048),
                                                                   &EVP_PKEY_free);
    BIGNUM* n = nullptr;
    ASSERT_EQ(EVP_PKEY_get_bn_param(made.get(), "n", &n), 1);
    std::string modulus(256, '\0');
    BN_bn2bin(n, reinterpret_cast<unsigned char*>(modulus.data()));
    BN_free(n);
    const auto key = of_jwk(R"({"kty":"RSA","e":"AQAB","n":")" + base64url_encode(modulus) + "\"}");
    ASSERT_TRUE(key) << key.error();
    for (const bool pss : {false, true}) {
        const Algorithm algorithm = pss ? Algorithm::ps256 : Algorithm::rs256;
        std::string text;
        std::string signature(256, '\1');
        for (int i = 0; i < 10'000 && signature[0] != '\0'; ++i) {
            text = std::to_string(i);
            const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                                  &EVP_MD_CTX_free);
            EVP_PKEY_CTX* options = nullptr;
            EVP_DigestSignInit(context.get(), &options, EVP_sha256(), nullptr, made.get());
            if (pss) {
                EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
            }
            std::size_t size = signature.size();
            ASSERT_EQ(EVP_DigestSign(
                          context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()),
                      1);
        }
        ASSERT_EQ(signature[0], '\0');
        EXPECT_TRUE(key->verifies(algorithm, text, signature));
        EXPECT_FALSE(key->verifies(algorithm, text, signature.substr(1))) << pss;
        EXPECT_FALSE(key->verifies(algorithm, text, '\0' + signature)) << pss;
        EXPECT_FALSE(key->verifies(pss ? Algorithm::rs256 : Algorithm::ps256, text, signature));
    }
}

}  // namespace
}  // namespace gw::identity
