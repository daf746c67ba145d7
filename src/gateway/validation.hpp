// One request held against what its route's API description says. Keeps its memory for the next;
// one worker's.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/exchange.hpp"
#include "schema/contract.hpp"
#include "schema/validator.hpp"

namespace gw::gateway {

// However it is framed: clients say `Content-Length: 0` of a POST that has none.
inline bool has_no_body(const http::RequestHead& head) {
    return head.framing == http::Framing::none ||
           (head.framing == http::Framing::length && head.content_length == 0);
}

class Validation {
  public:
    struct Asked {
        const schema::Operation* operation = nullptr;
        const schema::MediaType* media = nullptr;  // of the body; null: it is not looked at
        std::array<std::string_view, schema::Contract::kPathParametersMax> path;
    };

    // What is wrong with it. The body, where it is looked at, is held. Valid until the next call.
    struct Verdict {
        schema::JsonDocument::Defect json = schema::JsonDocument::Defect::none;
        bool good = true;
    };
    Verdict judge(const Exchange& x, const schema::Contract& contract, const Asked& asked);

    struct Fault {
        schema::In in = schema::In::body;
        schema::Fault what;
    };
    [[nodiscard]] const std::vector<Fault>& faults() const { return faults_; }
    [[nodiscard]] bool more() const { return more_; }
    [[nodiscard]] bool exhausted() const { return exhausted_; }
    // They as JSON, for a problem document.
    void write_faults(std::string& out) const;

  private:
    void judge_parameter(const Exchange& x, const schema::Contract& contract,
                         const schema::Parameter& parameter, const Asked& asked);
    // The texts that a parameter has in this request, decoded, in `texts_`. False: one is no
    // text, or there are too many.
    bool find_texts(const Exchange& x, const schema::Parameter& parameter, const Asked& asked);
    bool find_in_query(std::string_view query, const schema::Parameter& parameter);
    bool take_texts(std::string_view value, const schema::Parameter& parameter);
    schema::Value value_of(const std::string& text, std::uint8_t types) const;
    void add(schema::In in, std::string_view name, std::string_view keyword,
             std::string_view detail);
    // What the validator found goes under the parameter's name.
    void take(schema::In in, std::string_view name);

    schema::JsonDocument body_;
    schema::Validator validator_;
    schema::Faults found_;
    std::vector<Fault> faults_;
    std::vector<std::string> texts_;
    std::vector<schema::Value> values_;
    bool more_ = false;
    bool exhausted_ = false;
};

}  // namespace gw::gateway
