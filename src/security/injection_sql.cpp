// SQL that changes the statement a value is put into. Each rule begins at a token that an attack
// cannot do without (a quote, a logical word, "union", ';', a function) and looks a bounded way
// ahead.
#include <algorithm>
#include <array>
#include <optional>

#include "security/injection_rules.hpp"
#include "security/sql_words.hpp"

namespace gw::security {
namespace {

constexpr std::size_t kAhead = 24;  // tokens; attacks are denser than prose

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
    return std::ranges::find(words, word) != words.end();
}

// Nothing but an attacker calls these from a value.
constexpr std::array<std::string_view, 20> kTelling = {
    "sleep",        "benchmark",   "pg_sleep",   "extractvalue", "updatexml",
    "load_file",    "xp_cmdshell", "xp_dirtree", "randomblob",   "group_concat",
    "utl_http",     "utl_inaddr",  "dbms_pipe",  "dbms_lock",    "load_extension",
    "pg_read_file", "lo_import",   "openrowset", "make_set",     "sp_executesql"};
// Of those the words of prose, which may well stand before a bracket: "sleep (8 hours)".
constexpr std::array<std::string_view, 2> kProse = {"sleep", "benchmark"};
constexpr std::array<std::string_view, 26> kFunctions = {
    "ascii",     "substring", "substr", "mid",          "ord",   "hex",      "concat",
    "concat_ws", "char",      "chr",    "length",       "len",   "database", "user",
    "version",   "count",     "if",     "iif",          "cast",  "convert",  "left",
    "right",     "lower",     "exp",    "current_user", "schema"};
constexpr std::array<std::string_view, 15> kCatalogs = {
    "information_schema", "sysobjects", "sqlite_master", "pg_catalog",    "all_tables",  "mysql",
    "pg_shadow",          "pg_user",    "syscolumns",    "sqlite_schema", "user_tables", "dual",
    "pg_tables",          "v$version",  "sysusers"};
constexpr std::array<std::string_view, 14> kObjects = {
    "table", "database", "schema",  "view",  "index",  "user",     "procedure",
    "role",  "function", "trigger", "login", "column", "sequence", "constraint"};
constexpr std::array<std::string_view, 6> kVariables = {"version", "hostname",   "datadir",
                                                        "basedir", "servername", "language"};

struct Operand {
    enum class Kind : std::uint8_t { number, text, word, call, truth } kind = Kind::word;
    std::size_t first = 0;
    std::size_t next = 0;  // the token behind it
};

std::size_t skip_signs(const SqlText& sql, std::size_t i) {
    const std::size_t end = i + 8;
    while (i < end && (sql.kind(i) == Sql::not_ || sql.kind(i) == Sql::open ||
                       sql.kind(i) == Sql::sign || sql.text(i) == "binary")) {
        ++i;
    }
    return i;
}

std::size_t skip_closing(const SqlText& sql, std::size_t i) {
    const std::size_t end = i + 6;
    while (i < end && sql.kind(i) == Sql::close) {
        ++i;
    }
    return i;
}

std::optional<Operand> operand_at(const SqlText& sql, std::size_t i) {
    using enum Operand::Kind;
    switch (sql.kind(i)) {
        case Sql::number:
            return Operand{number, i, i + 1};
        case Sql::truth:
        case Sql::null:
            return Operand{truth, i, i + 1};
        case Sql::quote: {
            std::size_t end = i + 1;
            while (end < i + 8 && sql.kind(end) != Sql::quote && end < sql.size()) {
                ++end;
            }
            return Operand{text, i, end + 1};
        }
        case Sql::at:
            return Operand{word, i, sql.kind(i + 1) == Sql::at ? i + 3 : i + 2};
        case Sql::word: {
            std::size_t end = i + 1;
            while (sql.kind(end) == Sql::dot && sql[end].tight && end < i + 6) {
                end += 2;
            }
            if (sql.kind(end) != Sql::open || !sql[end].tight) {
                return Operand{word, i, end};
            }
            std::size_t depth = 0;
            for (std::size_t j = end; j < end + kAhead && j < sql.size(); ++j) {
                depth += sql.kind(j) == Sql::open ? 1 : 0;
                if (sql.kind(j) == Sql::close && --depth == 0) {
                    return Operand{call, i, j + 1};
                }
            }
            return Operand{call, i, end + 1};
        }
        default:
            return std::nullopt;
    }
}

bool compares(const SqlText& sql, std::size_t i) {
    return sql.kind(i) == Sql::compare || sql.kind(i) == Sql::like;
}

// The end of the statement: a comment right behind, or one that nothing or nearly nothing follows.
bool cut_off(const SqlText& sql, std::size_t i) {
    if (sql.kind(i) == Sql::semicolon) {
        ++i;
    }
    if (sql.kind(i) != Sql::comment) {
        return false;
    }
    const std::string_view behind = sql.behind(i);
    if (sql.text(i) == "#") {
        return skip_spaces(behind, 0) == behind.size();
    }
    return sql[i].tight || behind.size() <= 4;
}

constexpr bool is_letter(char folded) {
    return folded >= 'a' && folded <= 'z';
}

// `--` stands for a dash in prose, also behind a quoted word: "the Boss"--because. There, words go
// before the quote and behind the dash; whoever closes a string of ours has written one word, or
// has nothing to say behind it.
bool is_a_dash(const SqlText& sql, std::size_t i) {
    const std::string_view behind = sql.behind(i);
    const bool word = behind.size() > 1 && is_letter(behind[0]) && is_letter(behind[1]);
    const bool spaced =
        behind.size() > 2 && behind[0] == ' ' && is_letter(behind[1]) && is_letter(behind[2]);
    return sql.text(i) == "--" && (word || (spaced && !sql[i].tight)) &&
           sql.before(i).find(' ') != std::string_view::npos;
}

// "FROM" within sight of i, before the statement's end?
bool from_ahead(const SqlText& sql, std::size_t i) {
    for (std::size_t j = i; j < i + kAhead; ++j) {
        if (sql.kind(j) == Sql::from) {
            return true;
        }
    }
    return false;
}

std::size_t quotes_before(const SqlText& sql, std::size_t i) {
    std::size_t count = 0;
    for (std::size_t j = i > kAhead ? i - kAhead : 0; j < i; ++j) {
        count += sql.kind(j) == Sql::quote ? 1 : 0;
    }
    return count;
}

// Behind AND, OR and the like. quoted: the word stands behind a quote that ended a string.
bool logic(const SqlText& sql, std::size_t i, bool quoted) {
    using enum Operand::Kind;
    i = skip_signs(sql, i);
    if (sql.kind(i) == Sql::select && i > 0 && sql.kind(i - 1) == Sql::open) {
        return quoted || from_ahead(sql, i) || sql.kind(i + 1) != Sql::word;
    }
    if (sql.kind(i) == Sql::exists && sql.kind(i + 1) == Sql::open) {
        return sql.kind(i + 2) == Sql::select;
    }
    const auto a = operand_at(sql, i);
    if (!a) {
        return false;
    }
    std::size_t next = skip_closing(sql, a->next);
    if (a->kind == call && one_of(sql.text(i), kTelling)) {
        return true;
    }
    // sleep (5), as a condition
    if (one_of(sql.text(i), kProse) && sql.kind(a->next) == Sql::open &&
        sql.kind(a->next + 1) == Sql::number &&
        (sql.kind(a->next + 2) == Sql::close || sql.kind(a->next + 2) == Sql::comma)) {
        return true;
    }
    if (a->kind == call && one_of(sql.text(i), kFunctions) &&
        (compares(sql, next) || cut_off(sql, next) || (quoted && next >= sql.size()))) {
        return true;
    }
    const bool negated = sql.kind(next) == Sql::not_;
    next += negated ? 1 : 0;
    if (sql.kind(next) == Sql::is) {
        const bool null = sql.kind(next + 1) == Sql::null || sql.kind(next + 2) == Sql::null;
        return null && quoted;
    }
    if (sql.kind(next) == Sql::in && sql.kind(next + 1) == Sql::open) {
        return quoted || a->kind == number || sql.kind(next + 2) == Sql::select;
    }
    if (sql.kind(next) == Sql::between) {
        const auto low = operand_at(sql, next + 1);
        return low && sql.text(low->next) == "and" && (quoted || a->kind == number);
    }
    if (!compares(sql, next)) {
        if (a->kind == number || a->kind == truth) {
            return cut_off(sql, next) || (quoted && next >= sql.size());
        }
        return a->kind == text && quoted && cut_off(sql, next);
    }
    const std::size_t second = skip_signs(sql, next + 1);
    if (sql.kind(second) == Sql::select) {
        return true;
    }
    const auto b = operand_at(sql, second);
    if (!b) {
        return false;
    }
    if (quoted) {
        // "name = 'Bob' and age > 30": the quote ended a string of the value's own.
        const bool own = a->kind == word && quotes_before(sql, i) > 1;
        return !own && (sql.kind(next) == Sql::compare || b->kind != word);
    }
    if (a->kind == text && b->kind == text) {
        return true;
    }
    const bool simple =
        (a->kind == number || a->kind == truth || a->kind == word) && a->kind == b->kind;
    if (simple && sql.text(a->first) == sql.text(b->first) && a->next == a->first + 1) {
        return true;
    }
    const bool tight = sql[next].tight && sql[second].tight;
    return a->kind == number && b->kind == number &&
           (tight || sql.kind(next) == Sql::like || cut_off(sql, b->next));
}

bool union_select(const SqlText& sql, std::size_t i) {
    std::size_t j = i + 1;
    while (j < i + 6 && (sql.kind(j) == Sql::all || sql.kind(j) == Sql::open)) {
        ++j;
    }
    if (sql.kind(j) != Sql::select) {
        return false;
    }
    std::size_t k = j + 1;
    while (k < j + 8 && (sql.kind(k) == Sql::all || sql.kind(k) == Sql::open ||
                         (sql.kind(k) == Sql::sign && sql.text(k) != "*"))) {
        ++k;
    }
    if (sql.text(k) == "*" || sql.kind(k) == Sql::at || sql.kind(k) == Sql::null) {
        return true;
    }
    const auto operand = operand_at(sql, k);
    if (!operand) {
        return false;
    }
    if (operand->kind == Operand::Kind::word) {
        const Sql before = i > 0 ? sql.kind(i - 1) : Sql::end;
        return before != Sql::word && from_ahead(sql, operand->next);
    }
    const Sql next = sql.kind(operand->next);
    return operand->kind == Operand::Kind::call || next == Sql::comma || next == Sql::comment ||
           next == Sql::end || next == Sql::from || next == Sql::close || next == Sql::semicolon ||
           next == Sql::and_or || next == Sql::sign;
}

// Where a list of what to select begins, not a sentence.
bool select_list(const SqlText& sql, std::size_t i, bool after_value) {
    while (sql.kind(i) == Sql::all) {
        ++i;
    }
    if (sql.text(i) == "*" || sql.kind(i) == Sql::at) {
        return true;
    }
    const auto operand = operand_at(sql, i);
    if (!operand) {
        return sql.text(i) == "case";
    }
    switch (operand->kind) {
        case Operand::Kind::call:
            return one_of(sql.text(i), kTelling) || one_of(sql.text(i), kFunctions) ||
                   from_ahead(sql, operand->next);
        case Operand::Kind::word:
            return after_value && from_ahead(sql, operand->next);
        default:
            return after_value || from_ahead(sql, operand->next);
    }
}

bool names_object(const SqlText& sql, std::size_t i) {
    if (sql.text(i) == "if") {
        i += sql.kind(i + 1) == Sql::not_ ? 3 : 2;
    }
    if (sql.kind(i) != Sql::word && sql.kind(i) != Sql::quote) {
        return false;
    }
    const Sql next = sql.kind(i + 1);
    return next != Sql::word && next != Sql::number && next != Sql::from && next != Sql::in &&
           next != Sql::by;
}

bool word_ahead(const SqlText& sql, std::size_t i, std::string_view word) {
    for (std::size_t j = i; j < i + kAhead; ++j) {
        if (sql.text(j) == word) {
            return true;
        }
    }
    return false;
}

// A statement of its own behind ';'.
bool statement(const SqlText& sql, std::size_t i, bool after_value) {
    const std::string_view verb = sql.text(i);
    if (sql.kind(i) == Sql::select) {
        return select_list(sql, i + 1, after_value);
    }
    if (sql.kind(i) != Sql::word) {
        return false;
    }
    if (verb == "drop" || verb == "create" || verb == "alter" || verb == "truncate") {
        if (!one_of(sql.text(i + 1), kObjects)) {
            return false;
        }
        return verb == "drop" || verb == "truncate" ? names_object(sql, i + 2)
                                                    : sql.kind(i + 2) == Sql::word;
    }
    if (verb == "insert") {
        return sql.kind(i + 1) == Sql::into &&
               (word_ahead(sql, i + 2, "values") || word_ahead(sql, i + 2, "select"));
    }
    if (verb == "delete") {
        return sql.kind(i + 1) == Sql::from && names_object(sql, i + 2);
    }
    if (verb == "update") {
        return sql.kind(i + 1) == Sql::word && word_ahead(sql, i + 2, "set") &&
               word_ahead(sql, i + 2, "=");
    }
    if (verb == "exec" || verb == "execute") {
        const std::string_view what = sql.text(i + 1);
        return sql.kind(i + 1) == Sql::open || sql.kind(i + 1) == Sql::at ||
               what.starts_with("xp_") || what.starts_with("sp_") || what == "master" ||
               what == "immediate";
    }
    if (verb == "declare" || verb == "set") {
        return sql.kind(i + 1) == Sql::at;
    }
    if (verb == "shutdown") {
        return sql.kind(i + 1) == Sql::end || sql.kind(i + 1) == Sql::comment ||
               sql.text(i + 1) == "with" || sql.kind(i + 1) == Sql::semicolon;
    }
    if (verb == "grant") {
        return word_ahead(sql, i + 1, "to") && word_ahead(sql, i + 1, "on");
    }
    return verb == "if" && sql.kind(i + 1) == Sql::open && word_ahead(sql, i + 2, "waitfor");
}

const char* behind_quote(const SqlText& sql, std::size_t i) {
    const std::size_t j = skip_closing(sql, i + 1);
    switch (sql.kind(j)) {
        case Sql::and_or:
            if (logic(sql, j + 1, true)) {
                return "tautology";
            }
            // '||(select …)||'
            return sql.text(j) == "||" && sql.kind(j + 1) == Sql::word &&
                           sql.kind(j + 2) == Sql::open && sql[j + 2].tight
                       ? "concatenation"
                       : nullptr;
        case Sql::comment:
            return cut_off(sql, j) && !is_a_dash(sql, j) && (sql.text(j) != "/*" || sql[j].tight) &&
                           sql.size() < 40
                       ? "cut_off"
                       : nullptr;
        case Sql::semicolon:
            return cut_off(sql, j) ? "cut_off" : nullptr;
        case Sql::order:
            return sql.kind(j + 1) == Sql::by && sql.kind(j + 2) == Sql::number ? "columns_probed"
                                                                                : nullptr;
        case Sql::limit:
            return sql.kind(j + 1) == Sql::number && cut_off(sql, j + 2) ? "cut_off" : nullptr;
        case Sql::compare:
        case Sql::like:
            return sql.kind(j + 1) == Sql::quote && (sql.text(j) == "=" || sql.text(j) == "like") &&
                           (j + 2 >= sql.size() || sql.kind(j + 2) == Sql::quote)
                       ? "tautology"
                       : nullptr;
        case Sql::sign:
            return sql.kind(j + 1) == Sql::open && sql.kind(j + 2) == Sql::select ? "subquery"
                                                                                  : nullptr;
        default:
            return nullptr;
    }
}

// May a value stand before token i, as SQL goes?
bool expects_value(const SqlText& sql, std::size_t i) {
    if (i == 0) {
        return true;
    }
    switch (sql.kind(i - 1)) {
        case Sql::word: {
            const std::string_view word = sql.text(i - 1);
            return word == "then" || word == "else" || word == "set" || word == "procedure" ||
                   word == "exec";
        }
        case Sql::other:
            return false;
        default:
            return true;
    }
}

const char* at_word(const SqlText& sql, std::size_t i) {
    const std::string_view word = sql.text(i);
    const Sql next = sql.kind(i + 1);
    if (one_of(word, kTelling) && expects_value(sql, i) &&
        (sql[i + 1].tight || (next == Sql::open && !one_of(word, kProse))) &&
        (next == Sql::open || next == Sql::dot) &&
        (word != "sleep" || sql.kind(i + 2) == Sql::number || sql.kind(i + 2) == Sql::open)) {
        return "telling_function";
    }
    if (word == "waitfor" && (sql.text(i + 1) == "delay" || sql.text(i + 1) == "time") &&
        sql.kind(i + 2) == Sql::quote) {
        return "delay";
    }
    if (word == "procedure" && sql.text(i + 1) == "analyse" && sql.kind(i + 2) == Sql::open) {
        return "telling_function";
    }
    if (word == "case") {
        // case when (1=1) then …
        const std::size_t operand = skip_signs(sql, i + 2);
        const bool compared = compares(sql, operand + 1) || sql.kind(operand) == Sql::select;
        return sql.text(i + 1) == "when" && compared && word_ahead(sql, i + 2, "then")
                   ? "conditional"
                   : nullptr;
    }
    return nullptr;
}

const char* rule_at(const SqlText& sql, std::size_t i) {
    const Sql before = i > 0 ? sql.kind(i - 1) : Sql::end;
    const bool after_value = before == Sql::quote || before == Sql::number || before == Sql::close;
    switch (sql.kind(i)) {
        case Sql::quote:
            return behind_quote(sql, i);
        case Sql::and_or:
            return logic(sql, i + 1, before == Sql::quote && sql.kind(i + 1) != Sql::word)
                       ? "tautology"
                       : nullptr;
        case Sql::union_:
            return union_select(sql, i) ? "union_select" : nullptr;
        case Sql::semicolon:
            return statement(sql, i + 1, after_value)         ? "stacked_statement"
                   : before == Sql::number && cut_off(sql, i) ? "cut_off"
                                                              : nullptr;
        case Sql::select: {
            if (before != Sql::open) {
                return nullptr;
            }
            const Sql outer = i > 1 ? sql.kind(i - 2) : Sql::end;
            const bool call = outer == Sql::word && sql[i - 1].tight;
            const bool value = outer != Sql::word && outer != Sql::end && outer != Sql::other;
            return (call || value) && select_list(sql, i + 1, true) ? "subquery" : nullptr;
        }
        case Sql::from:
            return one_of(sql.text(i + 1), kCatalogs) &&
                           (sql.text(i + 1) != "dual" || cut_off(sql, i + 2)) &&
                           (sql.text(i + 1) != "mysql" || sql.kind(i + 2) == Sql::dot)
                       ? "catalog"
                       : nullptr;
        case Sql::into:
            return (sql.text(i + 1) == "outfile" || sql.text(i + 1) == "dumpfile") &&
                           sql.kind(i + 2) == Sql::quote
                       ? "file_written"
                       : nullptr;
        case Sql::at:
            return sql.kind(i + 1) == Sql::at && one_of(sql.text(i + 2), kVariables) ? "variable"
                                                                                     : nullptr;
        case Sql::order:
            return after_value && sql.kind(i + 1) == Sql::by && sql.kind(i + 2) == Sql::number &&
                           cut_off(sql, i + 3)
                       ? "columns_probed"
                       : nullptr;
        case Sql::comment:
            // "1-- -" and "1/*" as the whole value
            return before == Sql::number && i == 1 && sql[i].tight && sql.behind(i).size() <= 4 &&
                           sql.text(i) != "#"
                       ? "cut_off"
                       : nullptr;
        case Sql::word:
            return at_word(sql, i);
        default:
            return nullptr;
    }
}

}  // namespace

const char* find_sql(std::string_view folded) {
    const SqlText sql(folded);
    for (std::size_t i = 0; i < sql.size(); ++i) {
        if (const char* const rule = rule_at(sql, i)) {
            return rule;
        }
    }
    return nullptr;
}

}  // namespace gw::security
