// The JSON Schema says to editors what the program says: what it takes is taken there, too. Where
// both can, they also refuse alike.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "app/settings.hpp"
#include "app/settings_outline.hpp"
#include "config/schema.hpp"
#include "schema/compiler.hpp"
#include "schema/validator.hpp"

namespace gw::app {
namespace {

// JSON is YAML: one text is read by both.
std::string with(const std::string& members) {
    return R"({"services": {"a": {"url": "http://a"}}, )" + members +
           (members.contains("\"routes\"") ? "}" : R"(, "routes": [{"name": "r", "path": "/",
                                                              "service": "a"}]})");
}

class SettingsSchema : public testing::Test {
  protected:
    SettingsSchema()
        : path_(testing::TempDir() + "gw_settings_schema_test.yaml"),
          text_(config::json_schema(settings_outline(), "title")) {
        EXPECT_EQ(source_.parse(text_), schema::JsonDocument::Defect::none);
        schema::Compiler compiler(source_.root(), {.strict = false}, compiled_);
        compiler.announce(source_.root(), "");
        root_ = compiler.add(source_.root(), "");
        compiler.finish();
        EXPECT_TRUE(compiler.defects().empty()) << compiler.defects().front().what;
    }
    ~SettingsSchema() override { std::filesystem::remove(path_); }

    std::string refused_by_program(const std::string& text) {
        std::ofstream(path_) << text;
        const LoadedSettings settings = load_settings(path_, config::Environment());
        return settings ? "" : settings.error().front().to_string();
    }
    std::string refused_by_schema(const std::string& text) {
        schema::JsonDocument document;
        EXPECT_EQ(document.parse(text), schema::JsonDocument::Defect::none) << text;
        schema::Faults faults;
        return validator_.check(compiled_, *root_, document.root(), faults)
                   ? ""
                   : faults.list.front().pointer + " " + std::string(faults.list.front().keyword);
    }

    std::string path_;
    std::string text_;
    schema::JsonDocument source_;
    schema::Compiled compiled_;
    const schema::Subschema* root_ = nullptr;
    schema::Validator validator_;
};

TEST_F(SettingsSchema, TakesWhatTheProgramTakes) {
    const std::string hash(64, 'A');
    for (const std::string& members :
         {std::string(R"("log_success_share": 0.5)"), std::string(R"("log_success_share": "0.5")"),
          std::string(R"("log_success_share": 1)"), std::string(R"("tracing": {"share": 0.1})"),
          std::string(R"("tokens": {"longest_life": 900})"),
          std::string(R"("tokens": {"longest_life": "15m"})"),
          std::string(R"("tokens": {"issuer": 7, "audience": true})"),
          std::string(R"("tls": {"version_min": 1.2})"),
          std::string(R"("tls": {"version_min": "1.3"})"), std::string(R"("log_level": "info")"),
          std::string(R"("log_level": "Warn")"), std::string(R"("log_level": "ERROR")"),
          std::string(R"("limits": {"policies": null})"), std::string(R"("limits": null)"),
          std::string(R"("routes": [{"name": "r", "path": "/", "service": "a",
                                     "methods": ["get", "POST"]}])"),
          R"("api_keys": {"k": {"tenant": "t", "hash": "sha256:)" + hash + R"("}})"}) {
        const std::string text = with(members);
        EXPECT_EQ(refused_by_program(text), "") << text;
        EXPECT_EQ(refused_by_schema(text), "") << text;
    }
}

TEST_F(SettingsSchema, RefusesWhatTheProgramRefuses) {
    for (const char* members :
         {R"("log_success_share": "half")", R"("log_success_share": true)",
          R"("tokens": {"longest_life": true})", R"("tls": {"version_min": 1.1})",
          R"("tls": {"version_min": "1x2"})", R"("log_level": "loud")", R"("log_level": null)",
          R"("limits": {"policies": []})", R"("limits": {"enabled": "true"})",
          R"("listen": {"port": "80"})",
          R"("routes": [{"name": "r", "path": "/", "service": "a", "methods": "get"}])",
          R"("routes": [{"name": "r", "path": "/", "service": "a", "methods": ["gets"]}])",
          R"("api_keys": {"k": {"tenant": "t", "hash": "sha256:0"}})"}) {
        const std::string text = with(members);
        EXPECT_NE(refused_by_program(text), "") << text;
        EXPECT_NE(refused_by_schema(text), "") << text;
    }
}

}  // namespace
}  // namespace gw::app
