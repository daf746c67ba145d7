#include "config/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace gw::config {

const Entry* Node::find(std::string_view key) const {
    for (const Entry& entry : entries) {
        if (entry.key == key) {
            return &entry;
        }
    }
    return nullptr;
}

namespace {

// The parser can only be left by throwing; parse() catches it.
struct Stop {
    YAML::Mark mark;
    const char* what;
    const char* remedy;
};

unsigned line_of(const YAML::Mark& mark) {
    return static_cast<unsigned>(mark.line + 1);
}
unsigned column_of(const YAML::Mark& mark) {
    return static_cast<unsigned>(mark.column + 1);
}

std::size_t size_of(const Node& node) {
    std::size_t size = 1;
    for (const Node& item : node.items) {
        size += size_of(item);
    }
    for (const Entry& entry : node.entries) {
        size += size_of(entry.value);
    }
    return size;
}

std::size_t depth_of(const Node& node) {
    std::size_t deepest = 0;
    for (const Node& item : node.items) {
        deepest = std::max(deepest, depth_of(item));
    }
    for (const Entry& entry : node.entries) {
        deepest = std::max(deepest, depth_of(entry.value));
    }
    return deepest + 1;
}

// Is the quote closed that begins at `at`, perhaps behind an anchor? The parser takes the end of
// the text for the end of a quoted value, so that a forgotten quote would silently swallow the rest
// of the file.
bool is_closed(std::string_view text, std::size_t at) {
    if (at < text.size() && text[at] == '&') {
        at = text.find_first_of(" \t\r\n", at);
        at = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
    }
    if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) {
        return true;  // no quote stands here
    }
    const char mark = text[at];
    for (std::size_t i = at + 1; i < text.size(); ++i) {
        if (mark == '"' && text[i] == '\\') {
            ++i;
        } else if (text[i] == mark) {
            if (mark == '"' || i + 1 == text.size() || text[i + 1] != mark) {
                return true;
            }
            ++i;  // '' within '…' is one quote
        }
    }
    return false;
}

// Builds the tree from the parser's events. A frame is a list or map that is still open.
class Builder final : public YAML::EventHandler {
  public:
    Builder(const Document& document, std::vector<Mistake>& mistakes)
        : source_(document.source), text_(document.text), mistakes_(mistakes) {
        if (text_.starts_with("\xEF\xBB\xBF")) {
            text_.remove_prefix(3);  // the parser counts from behind the byte order mark
        }
    }

    Node take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        leaf(mark, anchor, make(mark, Node::Kind::nothing));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        Node node = make(mark, Node::Kind::scalar);
        node.in_quotes = tag == "!";
        if (node.in_quotes && !is_closed(text_, static_cast<std::size_t>(mark.pos))) {
            throw Stop{mark, "this value has an opening quote and no closing one", "close it"};
        }
        node.text = value;
        leaf(mark, anchor, std::move(node));
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {
            throw Stop{mark, "this alias stands inside what it refers to", "write the value out"};
        }
        aliased_ += size_of(found->second);
        if (aliased_ > Document::kAliasedNodesMax) {
            throw Stop{mark, "aliases in this file expand to more than 10000 values",
                       "write the values out"};
        }
        if (frames_.size() + depth_of(found->second) > Document::kDepthMax) {
            throw Stop{mark, "aliases nest more than 32 levels deep", "write the values out"};
        }
        attach(mark, Node(found->second));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        refuse_tag(mark, tag);
        open(mark, anchor, Node::Kind::list);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        refuse_tag(mark, tag);
        open(mark, anchor, Node::Kind::map);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }

  private:
    struct Frame {
        Node node;
        YAML::Mark mark;
        YAML::anchor_t anchor = 0;
        bool has_key = false;
        Entry pending;               // the key that waits for its value
        std::set<std::string> keys;  // for finding a second one
    };

    Node make(const YAML::Mark& mark, Node::Kind kind) {
        if (++nodes_ > Document::kNodesMax) {
            throw Stop{mark, "the file holds more than 500000 values", "split or shorten it"};
        }
        Node node;
        node.kind = kind;
        node.line = line_of(mark);
        node.column = column_of(mark);
        return node;
    }

    static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (!tag.empty() && tag != "?" && tag != "!") {
            throw Stop{mark, "YAML tags have no meaning here", "remove the tag"};
        }
    }

    void open(const YAML::Mark& mark, YAML::anchor_t anchor, Node::Kind kind) {
        if (frames_.size() == Document::kDepthMax) {
            throw Stop{mark, "values nest more than 32 levels deep", "flatten them"};
        }
        Frame frame;
        frame.node = make(mark, kind);
        frame.mark = mark;
        frame.anchor = anchor;
        frames_.push_back(std::move(frame));
    }

    void close() {
        Frame frame = std::move(frames_.back());
        frames_.pop_back();
        remember(frame.anchor, frame.node);
        attach(frame.mark, std::move(frame.node));
    }

    void leaf(const YAML::Mark& mark, YAML::anchor_t anchor, Node node) {
        remember(anchor, node);
        attach(mark, std::move(node));
    }

    void remember(YAML::anchor_t anchor, const Node& node) {
        if (anchor == 0) {
            return;
        }
        anchored_ += size_of(node);  // each anchor keeps a copy
        if (anchored_ > Document::kNodesMax) {
            throw Stop{
                {}, "anchors in this file hold more than 500000 values", "use fewer anchors"};
        }
        anchors_.insert_or_assign(anchor, node);
    }

    void attach(const YAML::Mark& mark, Node node) {
        if (frames_.empty()) {
            root_ = std::move(node);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.node.kind == Node::Kind::list) {
            frame.node.items.push_back(std::move(node));
        } else if (!frame.has_key) {
            if (node.kind != Node::Kind::scalar) {
                throw Stop{mark, "a key must be plain text", "write `key: value`"};
            }
            frame.pending = Entry{node.text, line_of(mark), column_of(mark), {}};
            frame.has_key = true;
        } else {
            frame.has_key = false;
            if (!frame.keys.insert(frame.pending.key).second) {
                mistakes_.push_back({{source_, frame.pending.line, frame.pending.column},
                                     quote(frame.pending.key) + " stands twice in this section",
                                     "keep one of them"});
                return;
            }
            if (node.kind == Node::Kind::nothing) {  // what is not there has no place of its own
                node.line = frame.pending.line;
                node.column = frame.pending.column;
            }
            frame.pending.value = std::move(node);
            frame.node.entries.push_back(std::move(frame.pending));
        }
    }

    const std::string& source_;
    std::string_view text_;
    std::vector<Mistake>& mistakes_;
    std::vector<Frame> frames_;
    std::map<YAML::anchor_t, Node> anchors_;
    std::size_t nodes_ = 0;
    std::size_t aliased_ = 0;
    std::size_t anchored_ = 0;
    Node root_;
};

// The parser takes some control bytes for the end of the text, which would silently cut the file.
bool check_bytes(const std::string& source, const std::string& text,
                 std::vector<Mistake>& mistakes) {
    unsigned line = 1;
    unsigned column = 1;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7F) {
            mistakes.push_back({{source, line, column},
                                "the file holds a control byte",
                                "save it as plain UTF-8 text"});
            return false;
        }
        column = c == '\n' ? 1 : column + 1;
        line += c == '\n' ? 1 : 0;
    }
    return true;
}

}  // namespace

Document Document::parse(std::string source, std::string text, std::vector<Mistake>& mistakes) {
    Document document{std::move(source), std::move(text), {}};
    if (document.text.size() > kBytesMax) {
        mistakes.push_back(
            {{document.source, 0, 0}, "the file is larger than 4 MiB", "shorten it"});
        return document;
    }
    if (!check_bytes(document.source, document.text, mistakes)) {
        return document;
    }
    Builder builder(document, mistakes);
    try {
        std::istringstream stream(document.text);
        YAML::Parser parser(stream);
        parser.HandleNextDocument(builder);
        document.root = builder.take_root();
        Builder second(document, mistakes);
        if (parser.HandleNextDocument(second)) {
            mistakes.push_back({{document.source, 1, 1},
                                "the file holds more than one YAML document",
                                "keep one and remove the lines `---` and `...`"});
        }
    } catch (const Stop& stop) {
        mistakes.push_back(
            {{document.source, line_of(stop.mark), column_of(stop.mark)}, stop.what, stop.remedy});
    } catch (const YAML::Exception& error) {
        const bool placed = !error.mark.is_null();
        mistakes.push_back({{document.source, placed ? line_of(error.mark) : 1,
                             placed ? column_of(error.mark) : 1},
                            "this is not YAML: " + error.msg,
                            "check quotes, colons and indentation"});
    }
    return document;
}

Document Document::load(const std::string& path, std::vector<Mistake>& mistakes, Pipes pipes) {
    auto text = read_file(path, kBytesMax, pipes);
    if (!text) {
        mistakes.push_back({{path, 0, 0},
                            "the file " + text.error().what,
                            text.error().remedy + " (--config, CONFIG_FILE)"});
        return Document{path, {}, {}};
    }
    return parse(path, *std::move(text), mistakes);
}

}  // namespace gw::config
