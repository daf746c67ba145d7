#include "gateway/owner_names.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

const std::vector<std::string> kNames{"tenantId", "tenant_id"};

TEST(OwnerNames, AParameterNamesATenantHoweverItIsSpelled) {
    for (const std::string_view name :
         {"tenantId", "TENANTID", "tenant_id", "tenant-id", "tenant id", " tenantId", "x_tenant_id",
          "X-Tenant-Id", "tenant[id]", "tenant.id", "x_tenant[id]", "filter[tenantId][]",
          "filter[tenant_id][eq]", "filter[tenant][id]", "filter.tenantId", "filter.tenant.id",
          "filter.tenant[id]", "tenantId[0]", "tenantId[%zz]"}) {
        EXPECT_EQ(Naming::one, named_by_parameter(kNames, name)) << name;
    }
    EXPECT_EQ(Naming::one, named_by_parameter(kNames, std::string_view("\0tenantId", 9)));
    EXPECT_EQ(Naming::one, named_by_parameter(kNames, std::string_view("tenantId\0", 9)));
    for (const char* name : {"tenantIds", "tenant_ids", "tenant-ids[]", "filter.tenantIds",
                             "tenant[ids]", "tenant.ids"}) {
        EXPECT_EQ(Naming::several, named_by_parameter(kNames, name)) << name;
    }
}

TEST(OwnerNames, WhatOnlyResemblesANameNamesNothing) {
    for (const char* name : {"",
                             "-",
                             "[]",
                             ".",
                             "tenant",
                             "tenants",
                             "id",
                             "ids",
                             "tenantIdentity",
                             "tenantIdss",
                             "tenantId.exists",
                             "tenantId.s",
                             "subtenantId",
                             "xtenantId",
                             "tenant.name",
                             "tenant[name]",
                             "id[tenant]",
                             "id.tenant",
                             "tenant.x.id",
                             "te[nant]id",
                             "x",
                             "x-",
                             "x-[id]"}) {
        EXPECT_EQ(Naming::nothing, named_by_parameter(kNames, name)) << name;
    }
    EXPECT_EQ(Naming::nothing, named_by_parameter({}, "tenantId"));
}

TEST(OwnerNames, AConfiguredNameMayBeginWithX) {
    EXPECT_EQ(Naming::one, named_by_parameter({"x-org"}, "X_Org"));
    EXPECT_EQ(Naming::nothing, named_by_parameter({"x-org"}, "org"));
    EXPECT_EQ(Naming::one, named_by_parameter({"org"}, "x-org"));
}

TEST(OwnerNames, FieldsNameTenantsAndVenues) {
    for (const char* name : {"Tenant-Id", "X-TenantId", "x_tenant_id", "Tenant", "X-Tenant"}) {
        EXPECT_EQ(Naming::one, tenant_by_field(name)) << name;
    }
    EXPECT_EQ(Naming::several, tenant_by_field("X-Tenant-Ids"));
    for (const char* name :
         {"", "Te", "X-", "Tenants", "X-Tenant-Source", "Tenant-Name", "XTenant"}) {
        EXPECT_EQ(Naming::nothing, tenant_by_field(name)) << name;
    }
    EXPECT_EQ(Naming::one, venue_by_field("x-venue_id"));
    EXPECT_EQ(Naming::several, venue_by_field("Venue-Ids"));
    for (const char* name : {"Via", "Vary", "X-Venue", "Venue-Name"}) {
        EXPECT_EQ(Naming::nothing, venue_by_field(name)) << name;
    }
}

}  // namespace
}  // namespace gw::gateway
