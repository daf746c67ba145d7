#include "security/injection.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace gw::security {
namespace {

std::vector<std::string> corpus(const std::string& name) {
    std::ifstream file(std::string(GW_SOURCE_DIR) + "/tests/corpus/injection/" + name);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        lines.push_back(line);
    }
    return lines;
}

std::string verdict(std::string_view text) {
    const auto found = find_injection(text);
    return found ? std::string(kind_name(found->kind)) + " " + found->rule : "";
}

TEST(Injection, FindsNearlyAllAttacks) {
    const auto attacks = corpus("attacks.txt");
    ASSERT_GT(attacks.size(), 300U);
    std::size_t missed = 0;
    for (const std::string& attack : attacks) {
        if (!find_injection(attack)) {
            ++missed;
            std::printf("missed: %s\n", attack.c_str());
        }
    }
    EXPECT_LE(missed * 100, attacks.size() * 5) << missed << " of " << attacks.size();
}

TEST(Injection, LeavesOrdinaryTextAlone) {
    const auto lines = corpus("ordinary.txt");
    ASSERT_GT(lines.size(), 300U);
    for (const std::string& line : lines) {
        EXPECT_EQ(verdict(line), "") << line;
    }
}

// Attacks do not hide in a long value, wherever its windows begin.
TEST(Injection, FindsAttacksAnywhereInALongValue) {
    for (const std::string attack : {"' union select 1,2,3--", "<svg onload=alert(1)>",
                                     "/../../etc/passwd", "; cat /etc/passwd"}) {
        for (std::size_t before = 0; before < 6'000; before += 97) {
            const std::string text = std::string(before, 'a') + attack + std::string(3'000, ' ');
            EXPECT_NE(verdict(text), "") << attack << " behind " << before;
        }
    }
}

TEST(Injection, NamesWhatItIs) {
    EXPECT_EQ(verdict("1 union select 1,2"), "sql union_select");
    EXPECT_EQ(verdict("<script>x"), "script active_element");
    EXPECT_EQ(verdict("../x"), "path dot_dot");
    EXPECT_EQ(verdict("$(id)"), "command substituted_command");
    EXPECT_EQ(verdict(std::string_view("a\0b", 3)), "path nul");
}

// Text made to be slow: many beginnings of every rule and no end.
TEST(Injection, TakesTimeInProportionToTheSize) {
    for (const std::string part : {"/*", "<a ", "(", "'", "`", "union select ", "case when ", "&#",
                                   "or ((((", "..", "javascript:", "%c0", ";", "$(", "on"}) {
        std::string text;
        while (text.size() < 1'000'000) {
            text += part;
        }
        find_injection(text);  // ends
    }
}

}  // namespace
}  // namespace gw::security
