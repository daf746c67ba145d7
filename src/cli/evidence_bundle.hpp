// A folder of evidence that nobody can change without being seen: files, a manifest with their
// hashes, and the manifest's signature.
//
//   manifest.json  {"made":…,"by":…,"files":[{"name":…,"bytes":…,"sha256":…}]}
//   manifest.sig   HMAC-SHA-256 (RFC 2104) of manifest.json in hexadecimal; without a secret
//                  SHA-256, which proves that the folder is whole, not who made it
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace gw::cli {

struct EvidenceFile {
    std::string name;
    std::string content;
};

// Makes the folder, which must not exist. Errors: why not.
std::expected<void, std::string> write_bundle(const std::string& folder,
                                              const std::vector<EvidenceFile>& files,
                                              std::string_view made, std::string_view by,
                                              std::string_view secret);

// How many files it has, or the first thing that is wrong: the signature, a file that was changed,
// is missing or was added.
std::expected<std::size_t, std::string> verify_bundle(const std::string& folder,
                                                      std::string_view secret);

}  // namespace gw::cli
