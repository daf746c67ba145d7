#include "security/request_signature.hpp"

#include <gtest/gtest.h>

namespace gw::security {
namespace {

std::string text_of(const HexDigest& digest) {
    return {digest.data(), digest.size()};
}

TEST(BodyDigest, IsTheSameHoweverTheBytesCome) {
    BodyDigest digest;
    digest.add("abc");
    const std::string whole = text_of(digest.finish());
    // FIPS 180-4, the example of one block.
    EXPECT_EQ(whole, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest.add("a");
    digest.add("");
    digest.add("bc");
    EXPECT_EQ(text_of(digest.finish()), whole);
}

SignedRequest request() {
    return {.service = "api-gateway",
            .timestamp_ms = 1'795'417'200'123,
            .nonce = "0b6f0d6e-1d3f-4a3e-9a2f-0f7e1c5d9b11",
            .method = "POST",
            .path = "/api/v1/tickets/purchase",
            .query = "a=1&a=2",
            .has_query = true,
            .body_hash = "ba78"};
}

// The expected value was made by another program:
//   printf %s 'api-gateway:1795417200123:…:POST:/api/v1/tickets/purchase?a=1&a=2:ba78' |
//     openssl dgst -sha256 -hmac 'a secret of 32 bytes or more ....'
TEST(RequestSigner, SignsWhatTheContractSays) {
    RequestSigner signer("a secret of 32 bytes or more ....");
    const std::string first = text_of(signer.sign(request()));
    EXPECT_EQ(first, "270c99c0c8f0f88b608dd997ba0ee2e6c1bbd7408c8b20394cda85423562a159");
    EXPECT_EQ(text_of(signer.sign(request())), first) << "a signer may be used again";
}

TEST(RequestSigner, EveryPartChangesTheSignature) {
    RequestSigner signer("secret");
    const std::string first = text_of(signer.sign(request()));
    const auto changed = [&](auto change) {
        SignedRequest other = request();
        change(other);
        return text_of(signer.sign(other));
    };
    EXPECT_NE(changed([](SignedRequest& r) { r.service = "other"; }), first);
    EXPECT_NE(changed([](SignedRequest& r) { ++r.timestamp_ms; }), first);
    EXPECT_NE(changed([](SignedRequest& r) { r.nonce = "x"; }), first);
    EXPECT_NE(changed([](SignedRequest& r) { r.method = "PUT"; }), first);
    EXPECT_NE(changed([](SignedRequest& r) { r.path = "/"; }), first);
    EXPECT_NE(changed([](SignedRequest& r) { r.query = "a=2"; }), first);
    EXPECT_NE(changed([](SignedRequest& r) { r.body_hash = ""; }), first);
    RequestSigner other("secret2");
    EXPECT_NE(text_of(other.sign(request())), first);
}

}  // namespace
}  // namespace gw::security
