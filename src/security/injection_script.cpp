// Script that a browser would run if a page showed the value: elements, handlers, URLs, and code
// that closes a string of a script.
#include <algorithm>
#include <array>

#include "security/injection_rules.hpp"

namespace gw::security {
namespace {

// Elements that load or run something whatever their attributes are.
constexpr std::array<std::string_view, 11> kElements = {"script",   "iframe", "object", "embed",
                                                        "applet",   "base",   "meta",   "link",
                                                        "frameset", "xss",    "isindex"};

// Beginnings of the names of event handlers; what follows may be any word.
constexpr std::array<std::string_view, 28> kHandlers = {
    "load",    "error",     "click",      "mouse",  "focus",  "blur",     "toggle",
    "pointer", "animation", "transition", "key",    "submit", "change",   "input",
    "begin",   "start",     "end",        "resize", "scroll", "drag",     "drop",
    "touch",   "wheel",     "copy",       "paste",  "cut",    "dblclick", "message"};
constexpr std::array<std::string_view, 14> kMoreHandlers = {
    "hashchange", "popstate", "pageshow", "auxclick", "contextmenu", "search", "select",
    "invalid",    "canplay",  "play",     "finish",   "bounce",      "show",   "beforeinput"};

constexpr std::array<std::string_view, 12> kCalls = {
    "alert",  "confirm", "prompt",      "eval",     "fetch", "settimeout",
    "import", "atob",    "setinterval", "function", "print", "window.open"};

bool is_handler(std::string_view name) {
    const auto begins = [&](std::string_view known) { return name.starts_with(known); };
    return std::ranges::any_of(kHandlers, begins) || std::ranges::any_of(kMoreHandlers, begins);
}

// "onload =" at `at`?
bool handler_at(std::string_view text, std::size_t at) {
    if (!text.substr(at).starts_with("on") || !is_handler(text.substr(at + 2))) {
        return false;
    }
    std::size_t end = at + 2;
    while (end < text.size() && is_word(text[end])) {
        ++end;
    }
    end = skip_spaces(text, end);
    return end < text.size() && text[end] == '=';
}

// The text from `at` on, without the white space and controls that browsers ignore in a URL's
// scheme.
bool scheme_at(std::string_view text, std::size_t at, std::string_view scheme) {
    std::size_t matched = 0;
    for (; at < text.size() && matched < scheme.size(); ++at) {
        if (text[at] == scheme[matched]) {
            ++matched;
        } else if (matched == 0 || !is_space(text[at])) {
            return false;
        }
    }
    return matched == scheme.size();
}

// Does code follow the scheme, not a subtitle ("JavaScript: the good parts")?
bool code_follows(std::string_view text, std::size_t at) {
    constexpr std::size_t kLooked = 160;
    const std::size_t colon = text.find(':', at);
    if (colon == std::string_view::npos) {
        return false;
    }
    const std::string_view code = text.substr(colon + 1, kLooked);
    if (code.starts_with("//") || code.starts_with("/*")) {
        return true;
    }
    for (std::size_t i = 1; i < code.size(); ++i) {
        if ((code[i] == '(' || code[i] == '`') && (is_word(code[i - 1]) || code[i - 1] == ']')) {
            return true;
        }
        if (code[i] == '=' && is_word(code[i - 1]) && code.find('.') < i) {
            return true;
        }
    }
    return false;
}

const char* script_url(std::string_view text, std::size_t at) {
    const bool script = scheme_at(text, at, "javascript:") || scheme_at(text, at, "vbscript:") ||
                        scheme_at(text, at, "livescript:");
    if (script && code_follows(text, at)) {
        return "script_url";
    }
    const std::string_view rest = text.substr(at);
    return rest.starts_with("data:text/html") || rest.starts_with("data:image/svg+xml") ||
                   rest.starts_with("data:application/xhtml") ||
                   rest.starts_with("data:text/javascript") || rest.starts_with("data:text/xml")
               ? "data_url"
               : nullptr;
}

// The attributes of an element whose name ends at `at`.
const char* in_attributes(std::string_view text, std::size_t at) {
    constexpr std::size_t kLooked = 512;
    const std::size_t end = std::min(text.size(), at + kLooked);
    for (; at < end && text[at] != '>'; ++at) {
        const char c = text[at];
        if ((is_space(c) || c == '/' || c == '"' || c == '\'') && handler_at(text, at + 1)) {
            return "event_handler";
        }
        if (c == '=') {
            std::size_t value = skip_spaces(text, at + 1);
            while (value < end && (text[value] == '"' || text[value] == '\'' ||
                                   text[value] == '`' || is_space(text[value]))) {
                ++value;
            }
            if (const char* const rule = script_url(text, value)) {
                return rule;
            }
        }
        if (text.substr(at).starts_with("srcdoc=") || text.substr(at).starts_with("expression(")) {
            return "active_attribute";
        }
    }
    return nullptr;
}

const char* element_at(std::string_view text, std::size_t at) {
    std::size_t name = at + 1;
    while (name < text.size() && (text[name] == '/' || text[name] == '\0')) {
        ++name;
    }
    if (text.substr(name).starts_with("!entity") ||
        (text.substr(name).starts_with("!doctype") &&
         text.substr(name, 200).find('[') != std::string_view::npos)) {
        return "entity_declaration";
    }
    std::size_t end = name;
    while (end < text.size() && (is_word(text[end]) || text[end] == ':' || text[end] == '-')) {
        ++end;
    }
    if (end == name) {
        return nullptr;
    }
    const std::string_view element = text.substr(name, end - name);
    if (std::ranges::find(kElements, element) != kElements.end()) {
        // "a <base and b" is no element: a base, link or meta needs an attribute.
        const bool small = element == "base" || element == "link" || element == "meta" ||
                           element == "object" || element == "embed";
        const std::string_view rest = text.substr(end, 64);
        if (!small || rest.find('=') != std::string_view::npos) {
            return "active_element";
        }
    }
    return in_attributes(text, end);
}

bool call_at(std::string_view text, std::size_t at) {
    return std::ranges::any_of(kCalls, [&](std::string_view call) {
        if (!text.substr(at).starts_with(call)) {
            return false;
        }
        const std::size_t next = at + call.size();
        return next < text.size() && (text[next] == '(' || text[next] == '`');
    });
}

// A quote that ends a string of a script or an attribute.
const char* behind_quote(std::string_view text, std::size_t at, bool markup_before) {
    const std::size_t next = skip_spaces(text, at + 1);
    if (next == text.size()) {
        return nullptr;
    }
    if (handler_at(text, next)) {
        return "event_handler";
    }
    std::size_t tag = next;
    tag += text[tag] == '/' ? 1 : 0;
    if (!markup_before && tag < text.size() && text[tag] == '>') {
        const std::size_t open = skip_spaces(text, tag + 1);
        if (open + 1 < text.size() && text[open] == '<' &&
            (is_word(text[open + 1]) || text[open + 1] == '/' || text[open + 1] == '!')) {
            return "closed_attribute";
        }
    }
    constexpr std::string_view kBetween = ";)}]+-*/^&|,<>= ?:!~";
    std::size_t call = at + 1;
    while (call < text.size() && call < at + 12 &&
           kBetween.find(text[call]) != std::string_view::npos) {
        ++call;
    }
    return call > at + 1 && call_at(text, call) ? "closed_string" : nullptr;
}

bool shows_cookie(std::string_view text) {
    constexpr std::string_view kName = "document.cookie";
    const std::size_t at = text.find(kName);
    if (at == std::string_view::npos) {
        return false;
    }
    constexpr std::string_view kBefore = "(+=;{,\"'`";
    const bool before = at > 0 && kBefore.find(text[at - 1]) != std::string_view::npos;
    const std::size_t after = at + kName.size();
    return before || (after < text.size() && (text[after] == '=' || text[after] == '+'));
}

}  // namespace

const char* find_script(std::string_view text) {
    bool markup = false;
    bool separated = true;  // a URL's scheme may begin here
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        const char* rule = nullptr;
        if (c == '<') {
            rule = element_at(text, at);
            markup = true;
        } else if (c == '"' || c == '\'' || c == '`') {
            rule = behind_quote(text, at, markup);
        } else if (separated && (c == 'j' || c == 'v' || c == 'd' || c == 'l')) {
            rule = script_url(text, at);
        } else if (c == '{' && text.substr(at).starts_with("{{") &&
                   text.substr(at, 80).find("constructor") != std::string_view::npos) {
            rule = "template_code";
        } else if (at == 0 && handler_at(text, 0)) {
            rule = "event_handler";
        }
        if (rule != nullptr) {
            return rule;
        }
        const bool ignored = is_space(c) || static_cast<unsigned char>(c) < 0x20;
        separated = c == '=' || c == '"' || c == '\'' || c == '(' || (separated && ignored);
    }
    return shows_cookie(text) ? "cookie_read" : nullptr;
}

}  // namespace gw::security
