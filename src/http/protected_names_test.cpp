#include "http/protected_names.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

TEST(ProtectedNames, IdentityIsSeenInAnyCaseAndWithUnderscores) {
    for (const char* name : {"x-tenant-id",
                             "X-Tenant-Source",
                             "X-USER-ID",
                             "x_user_role",
                             "X_Venue-Id",
                             "x-original-ip",
                             "X-Real-IP",
                             "X-Gateway-Forwarded",
                             "x_gateway_x",
                             "X-Internal-Signature",
                             "X-Admin-Token",
                             "x-privileged",
                             "X-Request-Deadline",
                             "X-Forwarded-For",
                             "x_forwarded",
                             "X-Forwarded-Anything",
                             "X-Roles",
                             "x-role",
                             "X-User-Roles",
                             "X_User_Permissions",
                             "X-Permissions",
                             "X-User",
                             "x_tenant",
                             "X-Venues"}) {
        EXPECT_TRUE(names_identity(name)) << name;
    }
    for (const char* name :
         {"", "x", "x-", "x-users", "x-user-agent", "x-requested-with", "x-{", "x-user-id2",
          "xuser-id", "x-gatewa", "y-tenant-id", "x-request-id", "forwarded", "x.user.id"}) {
        EXPECT_FALSE(names_identity(name)) << name;
    }
}

TEST(ProtectedNames, TheCatalogueCallsEachByItsName) {
    EXPECT_EQ(identity_name("X_ROLES"), "x-roles");
    EXPECT_TRUE(claims_identity("x-roles"));
    EXPECT_EQ(identity_name("X-Gateway-Else"), "x-gateway-");
}

TEST(ProtectedNames, IdsAreSeenWithUnderscores) {
    EXPECT_TRUE(names_id("X_Request_Id"));
    EXPECT_TRUE(names_id("x-correlation_id"));
    EXPECT_FALSE(names_id("x-request-ids"));
}

TEST(ProtectedNames, WhatAClientHasShownInItsHandshakeIsOurs) {
    for (const char* name :
         {"Client-Cert", "client-cert-chain", "CLIENT_CERT", "client_cert_chain"}) {
        EXPECT_EQ(identity_name(name), "client-cert") << name;
    }
    EXPECT_TRUE(claims_identity("client-cert"));
    EXPECT_EQ(identity_name("client-id"), "");
}

TEST(ProtectedNames, FramingIsSeenWithUnderscores) {
    EXPECT_TRUE(names_framing("Content_Length"));
    EXPECT_TRUE(names_framing("transfer-encoding"));
    EXPECT_FALSE(names_framing("content_type"));
}

TEST(ProtectedNames, OverridesAreSeenWithUnderscores) {
    EXPECT_TRUE(names_override("X_Original_URL"));
    EXPECT_TRUE(names_override("x-http-method-override"));
    EXPECT_FALSE(names_override("x-original-ip"));
}

TEST(ProtectedNames, TrailersCarryNothingThatIsActedUpon) {
    for (const char* name : {"Content-Length",
                             "content_length",
                             "Transfer-Encoding",
                             "Host",
                             "Authorization",
                             "Cookie",
                             "Set-Cookie",
                             "Content-Range",
                             "content-encoding",
                             "X-User-Id",
                             "x_user_id",
                             "X-Roles",
                             "X_Request_Id",
                             "Connection",
                             "TE",
                             "Expect",
                             "Cache-Control",
                             "If-Match",
                             "Range",
                             "Proxy-Authenticate",
                             "Location",
                             "Access-Control-Allow-Origin",
                             "WWW-Authenticate",
                             "X-Resource-Tenant",
                             "Trailer"}) {
        EXPECT_TRUE(forbidden_in_trailers(name, recognise(name))) << name;
    }
    for (const char* name : {"grpc-status", "Server-Timing", "ETag", "Digest", "X-Checksum"}) {
        EXPECT_FALSE(forbidden_in_trailers(name, recognise(name))) << name;
    }
}

}  // namespace
}  // namespace gw::http
