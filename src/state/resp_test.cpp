#include "state/resp.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

using State = RespCommand::State;

TEST(Resp, ReadsACommandWhereverItIsCut) {
    const std::string text = "*3\r\n$3\r\nSET\r\n$15\r\nbanned:ip:1.2.3\r\n$2\r\n\r\n\r\nrest";
    const std::size_t whole = text.size() - 4;
    for (std::size_t cut = 0; cut < whole; ++cut) {
        EXPECT_EQ(read_command(std::string_view(text).substr(0, cut)).state, State::incomplete)
            << cut;
    }
    const RespCommand command = read_command(text);
    EXPECT_EQ(command.state, State::complete);
    EXPECT_EQ(command.consumed, whole);
    EXPECT_EQ(command.arguments, (std::vector<std::string>{"SET", "banned:ip:1.2.3", "\r\n"}));
}

TEST(Resp, ReadsALineOfWords) {
    const RespCommand command = read_command("  PING  hello \r\nGET x\r\n");
    EXPECT_EQ(command.arguments, (std::vector<std::string>{"PING", "hello"}));
    EXPECT_EQ(command.consumed, 16U);
    EXPECT_TRUE(read_command("\r\n").arguments.empty());
}

TEST(Resp, ReadsQuotedWordsOfALineAsRedisDoes) {
    const RespCommand command = read_command(
        R"(SET "banned:ip:192.0.2.1" "a \"b\" \n\r\t\b\a\\\x41\xZZ\q" 'it\'s \n' "" x"y z")"
        "\r\n");
    EXPECT_EQ(command.arguments,
              (std::vector<std::string>{"SET", "banned:ip:192.0.2.1", "a \"b\" \n\r\t\b\a\\AxZZq",
                                        R"(it's \n)", "", "xy z"}));
}

TEST(Resp, RefusesQuotesThatAreNotClosed) {
    for (const char* text : {"SET a \"b\n", "SET a 'b\r\n", "SET \"a\"b\r\n", "SET 'a'b\r\n",
                             "SET a \"b\\\"\r\n", "\"\n"}) {
        const RespCommand command = read_command(text);
        EXPECT_EQ(command.state, State::malformed) << text;
        EXPECT_STREQ(command.why, "Protocol error: unbalanced quotes in request");
    }
}

TEST(Resp, RefusesWhatIsNoCommand) {
    for (const char* text : {"*-1\r\n", "*x\r\n", "*1025\r\n", "*1\r\n+OK\r\n", "*1\r\n$-1\r\n",
                             "*1\r\n$1048577\r\n", "*1\r\n$1\r\nabc\r\n", "*1\r\n$x\r\n"}) {
        EXPECT_EQ(read_command(text).state, State::malformed) << text;
    }
}

// Found by resp_fuzz: zeros in front of a length were taken whole and refused in pieces.
TEST(Resp, RefusesWhatIsTooLongWholeAndInPieces) {
    const std::string digits = "*1\r\n$" + std::string(31, '0') + "1\r\na\r\n";
    EXPECT_EQ(read_command(digits).state, State::complete);
    const std::size_t number_and_cr = digits.find("a\r\n") - 1;
    EXPECT_EQ(read_command(digits.substr(0, number_and_cr)).state, State::incomplete);
    const std::string longer = "*1\r\n$" + std::string(32, '0') + "1\r\na\r\n";
    const std::string line(64UL * 1024 + 1, 'x');
    for (const std::string& text : {longer, line + "\n", line}) {
        EXPECT_EQ(read_command(text).state, State::malformed) << text.size();
    }
    EXPECT_EQ(read_command(line.substr(1) + "\n").state, State::complete);
    EXPECT_EQ(read_command(line.substr(1)).state, State::incomplete);
}

TEST(Resp, AnErrorIsOneLine) {
    EXPECT_EQ(resp_error("ERR a\r\nb"), "-ERR a  b\r\n");
}

}  // namespace
}  // namespace gw::state
