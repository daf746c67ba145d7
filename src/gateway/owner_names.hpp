// Which parameters and fields name a tenant or a venue, to services that read names leniently:
// `-` and `_`, case, spaces and controls make no difference, nor does `x-` in front; `tenant[id]`
// and `tenant.id` are `tenantId`. Only whole names count: `tenantIdentity` names none. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gw::gateway {

// Several: the name is a plural (`venueIds`), and its value may be a list.
enum class Naming : std::uint8_t { nothing, one, several };

// A parameter's name, decoded. known: the configured names.
Naming named_by_parameter(const std::vector<std::string>& known, std::string_view parameter);

// A field's name. `Tenant` and `X-Tenant` name a tenant as well: services that route by it do so.
Naming tenant_by_field(std::string_view field);
Naming venue_by_field(std::string_view field);

}  // namespace gw::gateway
