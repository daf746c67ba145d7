#include "identity/verifier.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/encoding.hpp"
#include "identity/strict_json.hpp"

namespace gw::identity {
namespace {

constexpr std::string_view kSecret = "a secret of 32 bytes or more ....";
constexpr std::string_view kHead = R"({"alg":"HS256","typ":"JWT"})";
constexpr std::int64_t kNow = 1'800'000'000;

std::string joined(std::string_view head, std::string_view claims) {
    return base64url_encode(head) + '.' + base64url_encode(claims);
}
std::string with_signature(std::string text) {
    std::array<unsigned char, 32> mac{};
    HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), nullptr);
    text += '.';
    return text + base64url_encode({reinterpret_cast<const char*>(mac.data()), mac.size()});
}
std::string sign(std::string_view head, std::string_view claims) {
    return with_signature(joined(head, claims));
}
std::string replaced(std::string text, std::string_view what, std::string_view by) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return at != std::string::npos ? text.replace(at, what.size(), by) : text;
}

const std::string kClaims =
    R"({"iss":"us","aud":"gw","type":"access","sub":"u1","tenant_id":"t1","iat":1799999900,)"
    R"("exp":1800000500,"nbf":1799999900,"jti":"j1","role":"admin"})";

std::string verdict(std::string_view token, const KeySet& keys, std::int64_t now = kNow) {
    const TokenChecks checks{.issuer = "us", .audience = "gw"};
    const auto found = verify(token, keys, checks, WallTime(std::chrono::seconds(now)));
    return found ? "good" : std::string(fault_name(found.error()));
}
KeySet secret_keys() {
    return KeySet({*Key::of_secret(kSecret)});
}

TEST(Verifier, AGoodTokenSaysWhoCalls) {
    const auto found =
        verify(sign(kHead, kClaims), secret_keys(), {.issuer = "us", .audience = "gw"},
               WallTime(std::chrono::seconds(kNow)));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->subject, "u1");
    EXPECT_EQ(found->tenant, "t1");
    EXPECT_EQ(found->id, "j1");
    EXPECT_EQ(found->role, "admin");
    EXPECT_EQ(found->expires_at, WallTime(std::chrono::seconds(1'800'000'500)));
}

TEST(Verifier, AGoodTokenSaysWhatIsHeldAndServicesAreToldWhoCalls) {
    const auto found = verify(
        sign(kHead, replaced(kClaims, R"("role":"admin"})",
                             R"("role":"box-office","venues":["v1"],"permissions":["a:b"]})")),
        secret_keys(), {.issuer = "us", .audience = "gw"}, WallTime(std::chrono::seconds(kNow)));
    ASSERT_TRUE(found);
    EXPECT_NE(found->holdings, "");
    EXPECT_EQ(found->holdings, holdings_of(*found));
    EXPECT_FALSE(found->fields.fields().empty());
}

TEST(Verifier, OfARefusedTokenTheOwnerIsKnownWhereItsSignatureIsGood) {
    const std::string good = sign(kHead, kClaims);
    EXPECT_EQ(refused_subject(good, TokenFault::expired), "u1");
    EXPECT_EQ(refused_subject(good, TokenFault::revoked), "u1");
    EXPECT_EQ(refused_subject(good, TokenFault::signature), "");
    EXPECT_EQ(refused_subject(good, TokenFault::unknown_key), "");
    EXPECT_EQ(refused_subject("x", TokenFault::claims), "");
    // Of a header's type it is told before anybody has looked at the signature.
    EXPECT_EQ(refused_subject(good, TokenFault::type), "u1");
    EXPECT_EQ(refused_subject(sign(R"({"alg":"HS256","typ":"x"})", kClaims), TokenFault::type), "");
    EXPECT_EQ(refused_subject(sign(kHead, R"({"sub":"two words"})"), TokenFault::claims), "");
}

TEST(Verifier, HeadersThatAreNotOursAreRefused) {
    const std::string big(9000, 'k');
    const std::pair<std::string, const char*> heads[] = {
        {R"({"alg":"none"})", "algorithm"},
        {R"({"alg":"None"})", "algorithm"},
        {R"({"alg":"NONE"})", "algorithm"},
        {R"({"alg":""})", "algorithm"},
        {R"({"alg":null})", "algorithm"},
        {R"({"alg":["HS256"]})", "algorithm"},
        {R"({"alg":"hs256"})", "algorithm"},
        {R"({"alg":"HS256 "})", "algorithm"},
        {R"({"alg":"HS256\u0000"})", "algorithm"},
        {R"({"alg":"RS256"})", "algorithm"},
        {R"({"alg":"ES256"})", "algorithm"},
        {R"({"alg":"EdDSA"})", "algorithm"},
        {R"({"alg":"HS512"})", "signature"},
        {R"({})", "algorithm"},
        {R"({"alg":"HS256","alg":"none"})", "malformed"},
        {R"({"alg":"HS256","\u0061lg":"HS256"})", "malformed"},
        {R"({"alg":"HS256","crit":["exp"]})", "malformed"},
        {R"({"alg":"HS256","crit":[]})", "malformed"},
        {R"({"alg":"HS256","b64":false,"crit":["b64"]})", "malformed"},
        {R"({"alg":"HS256","b64":false})", "malformed"},
        {R"({"alg":"HS256","zip":"DEF"})", "malformed"},
        {R"({"alg":"HS256","typ":"AT+jwt"})", "good"},
        {R"({"alg":"HS256","typ":"application/at+jwt"})", "good"},
        {R"({"alg":"HS256","typ":"application/json"})", "type"},
        {R"({"alg":"HS256","typ":"id+jwt"})", "type"},
        {R"({"alg":"HS256","typ":1})", "type"},
        {R"({"alg":"HS256","kid":["a"]})", "unknown_key"},
        {R"({"alg":"HS256","kid":1})", "unknown_key"},
        {R"({"alg":"HS256","kid":")" + std::string(257, 'k') + "\"}", "unknown_key"},
        {R"({"alg":"HS256","x":")" + big + "\"}", "malformed"},
        {R"({"alg":"HS256"} x)", "malformed"},
        {R"({"alg":"HS256",})", "malformed"},
        {"[\"HS256\"]", "malformed"},
        {"\"HS256\"", "malformed"},
        {"\xEF\xBB\xBF{\"alg\":\"HS256\"}", "malformed"},
        {"{\"alg\":\"HS256\",\"x\":\"\xC0\xAF\"}", "malformed"},
        {R"({"alg":"HS256","x":)" + std::string(1000, '[') + std::string(1000, ']') + '}',
         "malformed"},
        {"", "malformed"},
        // Where a key may be found is never looked at: ours has signed it.
        {R"({"alg":"HS256","jku":"http://x/","x5u":"http://x/","x5c":["AA"],"jwk":{"kty":"oct"}})",
         "good"},
        {R"({"alg":"HS256","kid":"../../dev/null"})", "good"}};
    for (const auto& [head, expected] : heads) {
        EXPECT_EQ(verdict(sign(head, kClaims), secret_keys()), expected) << head;
    }
}

TEST(Verifier, ClaimsThatAreNotAsTheyMustBeAreRefused) {
    struct Case {
        const char* what;
        const char* by;
        const char* expected;
    };
    constexpr const char* kExp = "1800000500";
    constexpr const char* kIat = R"("iat":1799999900)";
    constexpr const char* kNbf = R"("nbf":1799999900)";
    const Case cases[] = {{kExp, "1800000500.75", "good"},
                          {kExp, "\"1800000500\"", "claims"},
                          {kExp, "-1", "claims"},
                          {kExp, "1e400", "claims"},
                          {kExp, "99999999999999999999", "claims"},
                          {kExp, "253402300800", "claims"},
                          {kExp, "null", "claims"},
                          {kExp, "true", "claims"},
                          {kExp, "[1800000500]", "claims"},
                          {kExp, "NaN", "claims"},
                          {kExp, "0", "expired"},
                          {kExp, "1799999970", "expired"},
                          {kExp, "1799999971", "good"},
                          {kExp, "1800000800", "good"},
                          {kExp, "1800000801", "too_long_lived"},
                          {R"("exp")", R"("Exp")", "claims"},
                          {R"("exp":)", R"("exp":1,"\u0065xp":)", "claims"},
                          {R"("sub":)", R"("sub":"root","sub":)", "claims"},
                          {kIat, R"("iat":1800000030)", "good"},
                          {kIat, R"("iat":1800000031)", "not_yet_valid"},
                          {kIat, R"("iat":"1799999900")", "claims"},
                          {kIat, R"("x":1)", "claims"},
                          {kNbf, R"("nbf":1800000030)", "good"},
                          {kNbf, R"("nbf":1800000031)", "not_yet_valid"},
                          {kNbf, R"("nbf":"0")", "claims"},
                          {kNbf, R"("x":1)", "good"},
                          {R"("us")", R"("us/")", "issuer"},
                          {R"("us")", R"("US")", "issuer"},
                          {R"("us")", R"("")", "issuer"},
                          {R"("us")", R"(["us"])", "issuer"},
                          {R"("iss")", R"("x")", "issuer"},
                          {R"("gw")", R"("other")", "audience"},
                          {R"("gw")", R"(["other","gw"])", "good"},
                          {R"("gw")", R"(["gw",1])", "audience"},
                          {R"("gw")", R"([["gw"]])", "audience"},
                          {R"("gw")", R"({"a":"gw"})", "audience"},
                          {R"("gw")", "[]", "audience"},
                          {R"("aud")", R"("x")", "audience"},
                          {R"("access")", R"("refresh")", "type"},
                          {R"("access")", "1", "type"},
                          {R"("type")", R"("x")", "type"},
                          {R"("u1")", R"("")", "claims"},
                          {R"("u1")", R"("a\r\nX-Admin: 1")", "claims"},
                          {R"("u1")", R"("a\u0000")", "claims"},
                          {R"("u1")", R"("a b")", "claims"},
                          {R"("u1")", R"("a\u007f")", "claims"},
                          {R"("u1")", R"("\u00e9")", "claims"},
                          {R"("u1")", "7", "claims"},
                          {R"("sub")", R"("x")", "claims"},
                          {R"("t1")", "7", "claims"},
                          {R"("t1")", R"("")", "claims"},
                          {R"("t1")", "null", "claims"},
                          {R"("tenant_id")", R"("x")", "claims"},
                          {R"("j1")", "1", "claims"},
                          {R"("admin")", R"(["admin"])", "claims"},
                          {R"("role":"admin"})", R"("permissions":"*"})", "claims"},
                          {R"("role":"admin"})", R"("permissions":["a\n"]})", "claims"},
                          {R"("role":"admin"})", R"("venues":[1]})", "claims"},
                          {R"("j1")", "null", "good"},
                          {R"("admin")", "null", "good"},
                          {kNbf, R"("nbf":null)", "good"},
                          {kIat, R"("iat":null)", "claims"},
                          {R"("u1")", "null", "claims"},
                          {R"("role":"admin"})", R"("venue_id":null,"venues":null})", "good"},
                          {R"("role":"admin"})", R"("permissions":null})", "good"},
                          {R"("role":"admin"})", R"("permissions":[null]})", "claims"},
                          {"}", "", "claims"},
                          {"}", "}{}", "claims"}};
    for (const auto& [what, by, expected] : cases) {
        EXPECT_EQ(verdict(sign(kHead, replaced(kClaims, what, by)), secret_keys()), expected)
            << what << " -> " << by;
    }
}

TEST(Verifier, OfARefusedTokenTheClaimAtFaultIsKnown) {
    const auto claim = [](std::string_view what, std::string_view by) {
        return std::string_view(refused_claim(sign(kHead, replaced(kClaims, what, by))));
    };
    EXPECT_EQ(claim("1800000500", "null"), "exp");
    EXPECT_EQ(claim(R"("iat":1799999900)", R"("x":1)"), "iat");
    EXPECT_EQ(claim(R"("nbf":1799999900)", R"("nbf":"0")"), "nbf");
    EXPECT_EQ(claim(R"("u1")", R"("a b")"), "sub");
    EXPECT_EQ(claim(R"("t1")", "null"), "tenant_id");
    EXPECT_EQ(claim(R"("j1")", "1"), "jti");
    EXPECT_EQ(claim(R"("role":"admin"})", R"("venue_id":7})"), "venue_id");
    EXPECT_EQ(claim(R"("role":"admin"})", R"("venues":[1]})"), "venues");
    EXPECT_EQ(refused_claim(sign(kHead, kClaims)), nullptr);
    EXPECT_EQ(refused_claim(sign(kHead, "[]")), nullptr);
    EXPECT_EQ(refused_claim("x"), nullptr);
}

TEST(Verifier, ATokenHasOneSpelling) {
    const std::string good = sign(kHead, kClaims);
    const std::string head = good.substr(0, good.find('.'));
    const std::string rest = good.substr(good.find('.'));
    const std::string last = good.substr(0, good.size() - 1);
    const std::string bent = last + static_cast<char>(good.back() + 1);  // unused bits set
    for (const std::string& text : {std::string(),
                                    std::string("."),
                                    std::string(".."),
                                    std::string("..."),
                                    head,
                                    head + rest + ".",
                                    head + rest + ".a.b",
                                    "." + good,
                                    good + "=",
                                    head + "=" + rest,
                                    head + " " + rest,
                                    head + "\n" + rest,
                                    " " + good,
                                    good + "\n",
                                    good + '\0',
                                    bent,
                                    last + "+",
                                    last + "/",
                                    replaced(good, ".", ".."),
                                    "A" + good,
                                    good + std::string(9000, 'A'),
                                    std::string(1'000'000, '.'),
                                    std::string(1'000'000, 'A')}) {
        EXPECT_EQ(verdict(text, secret_keys()), "malformed") << text.substr(0, 300);
    }
    const std::string unsigned_one = joined(kHead, kClaims) + '.';
    EXPECT_EQ(verdict(unsigned_one, secret_keys()), "signature");
    // RFC 7515, A.5
    EXPECT_EQ(verdict("eyJhbGciOiJub25lIn0." + base64url_encode(kClaims) + '.', secret_keys()),
              "algorithm");
}

TEST(Verifier, AKeyOfAnotherNameOrKindIsNotTried) {
    const auto jwk = JsonMembers::parse(
        R"({"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
    const KeySet named({*Key::of_jwk(*jwk)});
    const std::string token = R"({"alg":"EdDSA","kid":")";
    EXPECT_EQ(verdict(sign(token + "b\"}", kClaims), named), "unknown_key");
    EXPECT_EQ(verdict(sign(token + "a\"}", kClaims), named), "signature");
    EXPECT_EQ(verdict(sign(R"({"alg":"HS256","kid":"a"})", kClaims), named), "algorithm");
    EXPECT_EQ(verdict(sign(kHead, kClaims), named), "algorithm");
    EXPECT_EQ(verdict(sign(kHead, kClaims), KeySet()), "unknown_key");
    EXPECT_EQ(verdict(sign(kHead, kClaims), KeySet({*Key::of_secret("another")})), "signature");
}

}  // namespace
}  // namespace gw::identity
