#!/usr/bin/env python3
"""Shows of each rule in tools/rules.py that it can fail, and that a good tree passes all of them."""
import fnmatch
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import check  # noqa: E402
import measures  # noqa: E402
import rules  # noqa: E402

GOOD = {
    "src/CMakeLists.txt": "gw_module(base)\ngw_module(net USES base LINKS x::y)\ngw_module(http USES base net)\n"
                          "gw_module(gateway USES base net http)\n",
    "src/base/text.hpp": "// Text.\n#pragma once\nint size();\n",
    "src/base/text.cpp": '#include "base/text.hpp"\nint size() { return 1; }\n',
    "src/net/loop.hpp": '// The loop.\n#pragma once\n#include <sys/epoll.h>\n#include "base/text.hpp"\n',
    "src/net/loop.cpp": '#include "net/loop.hpp"\nauto now() { return std::chrono::steady_clock::now(); }\n',
    "src/http/head.cpp": '#include <vector>\n#include "base/text.hpp"\n#include "net/loop.hpp"\n',
    "src/gateway/stages.def": "STAGE(route)   // first: the rest acts by route\n",
    "src/gateway/stages/route.cpp": '#include "gateway/stages.def"\n// [decide\nint decide();\n// decide]\n',
    "README.md": "# One title\n\n```\n# a comment\n```\n\n<!-- quote: src/gateway/stages/route.cpp#decide -->\n"
                 "```cpp\nint decide();\n```\n",
}


class CheckTest(unittest.TestCase):
    def found(self, **changes):
        """The rules that a tree breaks: the good tree with some files changed (path with / as __, . as _dot_)."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in (GOOD | changes.pop("files", {})).items():
                if text is not None:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text(text)
            self.tree = rules.Tree(root)
            return [(f.rule, f.path, f.line) for f in rules.check(self.tree)]

    def code(self, text, path="src/http/extra.cpp"):
        return [rule for rule, where, _ in self.found(files={path: text}) if where == path]

    def test_a_good_tree_passes(self):
        self.assertEqual([], self.found())

    def test_an_include_upwards_fails(self):
        self.assertEqual([("layers", "src/base/text.cpp", 1)],
                         self.found(files={"src/base/text.cpp": '#include "net/loop.hpp"\n#include "base/text.hpp"\n'}))

    def test_an_include_of_nothing_fails(self):
        self.assertEqual(["layers"], self.code('#include "base/gone.hpp"\n'))

    def test_a_folder_without_a_line_fails(self):
        self.assertEqual(["layers"], self.code("", "src/other/x.cpp"))

    def test_a_table_that_points_upwards_fails(self):
        found = self.found(files={"src/CMakeLists.txt": "gw_module(base USES net)\n" + GOOD["src/CMakeLists.txt"][16:]})
        self.assertIn(("layers", "src/CMakeLists.txt", 1), found)

    def test_a_picture_that_draws_a_folder_beside_what_it_uses_fails(self):
        picture = "# T\n```\n3 gateway\n2 http\n2 net     sockets\n0 base\n```\n"
        self.assertEqual([("picture", "docs/architecture.md", 4)], self.found(files={"docs/architecture.md": picture}))
        self.assertEqual([], self.found(files={"docs/architecture.md": picture.replace("2 net", "1 net")}))

    def test_a_picture_that_lacks_a_folder_or_has_one_too_many_fails(self):
        picture = "# T\n```\n4 gateway\n3 http\n2 queue\n0 base\n```\n"
        found = self.found(files={"docs/architecture.md": picture})
        self.assertEqual([("picture", 1), ("picture", 5)], [(rule, line) for rule, _, line in found])

    def test_every_home_is_there(self):
        tree = rules.Tree(check.ROOT)
        for _, places, _ in rules.HOMES:
            for place in places:
                self.assertTrue("_test" in place or "_bench" in place or any(fnmatch.fnmatch(s.inside, place) for s in tree.sources), place)

    def test_a_library_away_from_home_fails(self):
        for header in ("openssl/evp.h", "yaml-cpp/yaml.h", "ares.h", "CLI/App.hpp", "boost/json.hpp", "sys/epoll.h",
                       "prometheus/registry.h", "gtest/gtest.h"):
            self.assertEqual(["homes"], self.code(f"#include <{header}>\n"), header)

    def test_a_library_at_home_passes(self):
        self.assertEqual([], self.code("#include <ares.h>\n", "src/net/resolver.cpp"))

    def test_an_unknown_library_fails(self):
        self.assertEqual(["homes"], self.code("#include <spdlog/spdlog.h>\n"))

    def test_bans_fail(self):
        for rule, text in (
                ("clock", "auto t = std::chrono::steady_clock::now();"),
                ("clock", "clock_gettime(CLOCK_REALTIME, &t);"),
                ("chance", "int x = rand();"),
                ("chance", "std::random_device device;"),
                ("ownership", "int* p = new int(3);"),
                ("ownership", "  delete p;"),
                ("ownership", "  delete[] p;"),
                ("threads", "std::thread t(run);"),
                ("threads", "std::jthread t(run);"),
                ("threads", "worker.detach();"),
                ("sleep", "std::this_thread::sleep_for(1s);"),
                ("sleep", "#include <boost/asio.hpp>"),
                ("names", "using namespace std;"),
                ("unsafe", "strcpy(a, b);"),
                ("exceptions", "throw 1;")):
            self.assertIn(rule, self.code(text + "\n"), text)

    def test_what_only_looks_like_a_ban_passes(self):
        for text in ("// a new thing: rand() and sleep_for", 'auto x = "new int, throw";', "X(const X&) = delete;",
                     "auto n = std::thread::hardware_concurrency();", "static void operator delete(void* p);",
                     "new (place) int;", "bool detached = x.is_detached();", "int newest = 1; int renew = newest;"):
            self.assertEqual([], self.code(text + "\n"), text)

    def test_a_reason_lifts_a_ban(self):
        self.assertEqual([], self.code("// allow(chance): this is the seed\nint x = rand();\n"))
        self.assertEqual([], self.code("int x = rand();   // allow(chance): this is the seed\n"))
        self.assertEqual(["sleep"], self.code("// allow(chance): other rule\nusleep(1);\n"))

    def test_a_test_that_sleeps_without_a_reason_fails(self):
        self.assertEqual(["sleep"], self.code("def test_x():\n    time.sleep(1)\n", "tests/integration/test_x.py"))
        self.assertEqual([], self.code("time.sleep(1)   # allow(sleep): the client's pace\n", "tests/integration/test_x.py"))

    def test_tests_may_use_threads_and_clocks(self):
        self.assertEqual([], self.code("std::thread t(run); auto n = std::chrono::steady_clock::now();\n",
                                       "src/http/head_test.cpp"))

    def test_unfinished_work_fails(self):
        self.assertEqual(["unfinished"], self.code("// TO" "DO: later\n"))

    def test_a_reference_to_const_in_a_coroutine_fails(self):
        for text in ("Task<void> run(const Head& head);", "net::Task<Result<int>> a::run(int x,\n    const Head& h) {}",
                     "Task<void> run(std::span<const char> a, Head const& b);",
                     "Task<int> run(const std::map<int, int>& x);"):
            self.assertEqual(["coroutine"], self.code(text + "\n"), text)

    def test_other_parameters_of_coroutines_pass(self):
        for text in ("Task<void> run(Head& head, std::string_view x, const Head* y);", "Task<void> run();",
                     "Task<void> run(std::function<int(const Head&)> f);", "int run(const Head& head);",
                     "Task<Result<void>> task = run(head);"):
            self.assertEqual([], self.code(text + "\n"), text)

    def test_a_lambda_coroutine_fails(self):
        self.assertEqual(["coroutine"], self.code("auto f = [x](int y) -> Task<void> { co_return; };\n"))

    def test_a_stage_that_is_not_listed_fails(self):
        self.assertEqual(["stages"], self.code("", "src/gateway/stages/extra.cpp"))

    def test_a_listed_stage_without_a_file_fails(self):
        text = GOOD["src/gateway/stages.def"] + "STAGE(gone)   // never\n"
        self.assertEqual([("stages", "src/gateway/stages.def", 2)], self.found(files={"src/gateway/stages.def": text}))

    def test_a_stage_without_a_reason_fails(self):
        self.assertEqual([("stages", "src/gateway/stages.def", 1)],
                         self.found(files={"src/gateway/stages.def": "STAGE(route)\n"}))

    def test_a_header_that_nobody_includes_fails(self):
        self.assertEqual(["dead"], self.code("// Alone.\n#pragma once\n", "src/http/alone.hpp"))

    def test_a_header_that_only_its_own_code_includes_fails(self):
        files = {"src/http/alone.hpp": "// Alone.\n#pragma once\n", "src/http/alone.cpp": '#include "http/alone.hpp"\n',
                 "src/http/alone_test.cpp": '#include "http/alone.hpp"\n'}
        self.assertEqual([("dead", "src/http/alone.hpp", 1)], self.found(files=files))

    def test_a_header_without_a_head_fails(self):
        self.assertEqual([("head", "src/base/text.hpp", 1)], self.found(files={"src/base/text.hpp": "#pragma once\n"}))
        self.assertEqual([("head", "src/base/text.hpp", 1)], self.found(files={"src/base/text.hpp": "// Text.\n"}))

    def test_a_document_has_one_title(self):
        self.assertEqual([("title", "docs/a.md", 3)], self.found(files={"docs/a.md": "# One\n\n# Two\n"}))
        self.assertEqual([("title", "docs/a.md", 1)], self.found(files={"docs/a.md": "Nothing\n"}))

    def test_a_fuzz_target_that_the_document_does_not_speak_of_fails(self):
        files = {"src/http/date_fuzz.cpp": "", "docs/fuzzing.md": "# T\n<!-- made by a tool -->\n| `date_fuzz` | 1 |\n"}
        self.assertEqual([("fuzzed", "docs/fuzzing.md", 1)], self.found(files=files))
        self.assertEqual([], self.found(files=files | {"docs/fuzzing.md": "# T\ndates: `date_fuzz`\n"}))

    def test_a_quotation_that_is_out_of_date_fails(self):
        quote = "# T\n<!-- quote: src/gateway/stages/route.cpp#decide -->\n```cpp\nint decided();\n```\n"
        self.assertEqual([("quote", "docs/a.md", 2)], self.found(files={"docs/a.md": quote}))

    def test_a_quotation_of_nothing_fails(self):
        for quote in ("# T\n<!-- quote: src/gateway/stages/route.cpp#gone -->\n```cpp\nx\n```\n",
                      "# T\n<!-- quote: src/gone.cpp#decide -->\n```cpp\nx\n```\n",
                      "# T\n<!-- quote: src/gateway/stages/route.cpp#decide -->\nNo fence.\n"):
            self.assertEqual([("quote", "docs/a.md", 2)], self.found(files={"docs/a.md": quote}), quote)

    def test_quotations_are_refreshed(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "a.cpp").write_text("  // [x\n  int a;\n\n    int b;\n  // x]\n")
            (root / "README.md").write_text("# T\n<!-- quote: a.cpp#x -->\n```cpp\nold\n```\nrest\n")
            tree = rules.Tree(root)
            self.assertEqual(1, len(list(rules.refresh_quotes(tree))))
            self.assertEqual("# T\n<!-- quote: a.cpp#x -->\n```cpp\nint a;\n\n  int b;\n```\nrest\n",
                             (root / "README.md").read_text())
            self.assertEqual([], rules.check(tree))

    def test_long_files_and_functions_are_listed_and_do_not_fail(self):
        body = "".join(f"    x({i});\n" for i in range(80))
        text = f"namespace a {{\nstruct B {{\n    int c() const {{\n{body}    }}\n}};\nint d() {{ return 1; }}\n}}\n"
        self.assertEqual([], self.code(text + "\n" * 400))
        listed = measures.long_ones(self.tree)
        self.assertEqual(2, len(listed), listed)
        self.assertIn("c: 82 lines", listed[1])

    def test_a_comment_behind_an_include_is_no_head_of_a_function(self):
        lines = "int a;\n" * 90
        self.assertEqual([], self.code(f"#include <set>  // allow(homes): a reason (of ours)\nnamespace {{\n{lines}}}\n"))
        self.assertEqual([], measures.long_ones(self.tree))

    def test_a_header_that_needs_another_fails_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src/base").mkdir(parents=True)
            (root / "src/base/good.hpp").write_text("#pragma once\n#include <string>\nstd::string name();\n")
            (root / "src/base/bad.hpp").write_text("#pragma once\nstd::string name();\n")
            self.assertEqual(["src/base/bad.hpp"], [f.path for f in check.headers_alone(root)])


if __name__ == "__main__":
    unittest.main()
