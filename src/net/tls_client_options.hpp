// What an operator may set about TLS to a service.
#pragma once

#include <string>

#include "config/field.hpp"
#include "net/tls_options.hpp"

namespace gw::net {

struct TlsClientOptions {
    bool verify = true;
    std::string ca_file;
    std::string server_name;
    std::string cert_file;
    std::string key_file;
    TlsVersion version_min = TlsVersion::v12;
};

template <class Visitor>
void fields(Visitor& field, TlsClientOptions& o) {
    using namespace config;
    field("verify", o.verify,
          "the service must show a certificate that leads to `ca_file` and is for its name; false "
          "lets anybody on the way read and change everything");
    field(
        "ca_file", o.ca_file,
        "PEM file: whom the gateway trusts to certify the service; default: whom the system does");
    field("server_name", o.server_name,
          "name that is asked for (SNI) and must be in the certificate; default: the host of the "
          "service's `url`, or of the first of its `endpoints`");
    field("cert_file", o.cert_file,
          "PEM file: the gateway's own certificate, for services that ask for one, then those that "
          "lead to its root");
    field("key_file", o.key_file, "PEM file: the private key of `cert_file`, without a password");
    field("version_min", o.version_min, "oldest version of TLS that is spoken");
}

}  // namespace gw::net
