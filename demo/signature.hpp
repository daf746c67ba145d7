// Was a request signed by the gateway? With INTERNAL_HMAC_SECRET set, a service takes no other.
#pragma once

#include <string>

namespace httplib {
struct Request;
}

namespace demo {

// "" if the signature is right, fresh and new, or if no secret is set; else what is wrong. The body
// is not looked at: its hash is part of what was signed.
std::string signature_flaw(const httplib::Request& request);

// Is this the body that was signed? True as well where no secret is set.
bool signed_body(const httplib::Request& request);

}  // namespace demo
