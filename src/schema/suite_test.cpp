// The official tests of JSON Schema, draft 2020-12, as Debian's libtest-json-schema-acceptance-perl
// has them. Where that is not installed they are left out, if they may be.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "base/leave_out_test_support.hpp"
#include "schema/validator.hpp"

namespace gw::schema {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder =
    "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance/tests/draft2020-12";

// What is refused when the gateway starts, hence never evaluated: schemas that refer to what is not
// in their file, and other dialects' vocabularies. By file and description of the group.
bool refused_by_design(const std::string& description) {
    static const std::set<std::string> kGroups{
        // references to other documents, the metaschema among them
        "$ref to https://json-schema.org/draft/2020-12/schema",
        "remote ref, containing refs itself",
        "URN base URI with f-component",
        "validate definition against metaschema",
        "Invalid use of fragments in location-independent $id",
        "Valid use of empty fragments in location-independent $id",
        "Unnormalized $ids are allowed but discouraged",
        "invalid anchors",
        "strict-tree schema, guards against misspelled properties",
        "tests for implementation dynamic anchor and reference link",
        "$ref and $dynamicAnchor are independent of order - $defs first",
        "$ref and $dynamicAnchor are independent of order - $ref first",
        // a vocabulary that is not the standard one
        "schema that uses custom metaschema with with no validation vocabulary",
    };
    return kGroups.contains(description);
}

struct Tally {
    std::size_t tests = 0;
    std::size_t left_out = 0;
};

void play_group(const Value& group, Tally& tally, const std::string& file) {
    const std::string description(group.find("description")->text);
    const Value& tests = *group.find("tests");
    if (refused_by_design(description)) {
        tally.left_out += tests.count;
        return;
    }
    Compiled compiled;
    Compiler compiler(*group.find("schema"), {.strict = false}, compiled);
    compiler.announce(*group.find("schema"), "");
    const Subschema* const root = compiler.add(*group.find("schema"), "");
    compiler.finish();
    for (const Defect& defect : compiler.defects()) {
        ADD_FAILURE() << file << ": " << description << ": " << defect.pointer << " "
                      << defect.what;
    }
    if (!compiler.defects().empty()) {
        return;
    }
    for (const Value& test : tests.elements()) {
        Faults faults;
        Validator validator;
        const bool good = validator.check(compiled, *root, *test.find("data"), faults);
        ++tally.tests;
        EXPECT_EQ(good, test.find("valid")->truth)
            << file << ": " << description << ": " << test.find("description")->text;
        EXPECT_EQ(good, faults.none()) << file << ": " << description;
        EXPECT_FALSE(faults.exhausted);
    }
}

void play(const fs::path& file, Tally& tally) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    const std::string all = text.str();
    JsonDocument document;
    ASSERT_EQ(document.parse(all), JsonDocument::Defect::none) << file;
    for (const Value& group : document.root().elements()) {
        play_group(group, tally, file.filename());
    }
}

TEST(OfficialSuite, EveryRequiredTestOfDraft202012ComesOutAsItSays) {
    if (!fs::exists(kFolder)) {
        leave_out("libtest-json-schema-acceptance-perl");
        return;
    }
    Tally tally;
    for (const auto& entry : fs::directory_iterator(kFolder)) {
        const std::string name = entry.path().filename();
        // Remote references and vocabularies are refused at start; formats are asserted here, which
        // these tests of their being annotations do not expect.
        if (entry.path().extension() == ".json" && name != "refRemote.json" &&
            name != "vocabulary.json" && name != "format.json") {
            play(entry.path(), tally);
        }
    }
    RecordProperty("tests", static_cast<int>(tally.tests));
    RecordProperty("left_out", static_cast<int>(tally.left_out));
    std::cout << tally.tests << " tests, " << tally.left_out << " left out\n";
    EXPECT_GT(tally.tests, 950U);
}

TEST(OfficialSuite, OptionalTestsOfWhatIsClaimedComeOutAsTheySay) {
    if (!fs::exists(kFolder)) {
        leave_out("libtest-json-schema-acceptance-perl");
        return;
    }
    Tally tally;
    for (const char* const name :
         {"bignum", "float-overflow", "no-schema", "non-bmp-regex", "format/uuid", "format/date",
          "format/time", "format/date-time", "format/email", "format/ipv4", "format/ipv6",
          "format/hostname", "format/uri", "format/uri-reference"}) {
        play(fs::path(kFolder) / "optional" / (std::string(name) + ".json"), tally);
    }
    std::cout << tally.tests << " optional tests\n";
    EXPECT_GT(tally.tests, 150U);
}

}  // namespace
}  // namespace gw::schema
