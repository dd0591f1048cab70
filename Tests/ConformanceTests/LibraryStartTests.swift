import Glibc
import NetCore
import TestSupport
import Testing

@Suite("scripts/libc-start: the C library's start without its questions to the processor (docs/adr/0007-start.md)")
struct LibraryStartTests {
    static let script = "\(Example.repository)/scripts/libc-start"

    /// The first instruction of a function of an object, as objdump tells it; nil without that function.
    static func beginning(_ function: String, _ object: String, _ host: PrivateHost) throws -> String? {
        let lines = try host.must("objdump -d --no-show-raw-insn \(object)").split(separator: "\n")
        guard let head = lines.firstIndex(where: { $0.hasSuffix("<\(function)>:") }) else { return nil }
        return lines[lines.index(after: head)].split(separator: "\t").last.map(String.init)
    }

    @Test("a static program started by the object runs; what it changed begins with a jump, what it did not as before")
    func changed() throws {
        try PrivateHost.run { host in
            let object = "\(host.scratch)/start.o"
            let outcome = try host.run([LibraryStartTests.script, object])
            guard host.expect(outcome.exitCode == 0 && outcome.errorOutput.isEmpty, "\(outcome)") else { return }
            try host.must(
                "tee \(host.scratch)/program.c",
                input: """
                    #include <stdio.h>
                    #include <string.h>
                    static char from[1 << 20], to[1 << 20];
                    int main(int count, char **words) {
                        memset(from, count, sizeof from);
                        memcpy(to, from, sizeof to);
                        printf("%d %s %d", count, words[1], memcmp(from, to, sizeof to) || to[sizeof to - 1] != count);
                        return 7;
                    }
                    """)
            try host.must("gcc -O2 -static -o \(host.scratch)/program \(host.scratch)/program.c \(object)")
            let run = try host.run(["\(host.scratch)/program", "word"])
            host.expect(run.text, is: "2 word 0", "arguments, and 1 MB copied")
            host.expect(run.exitCode, is: 7, "exit code")

            #if arch(x86_64)
                // Debian 12's library has these functions; one that has not is left as it is, which the next test sees.
                let library = try host.must("gcc -print-file-name=libc.a")
                try host.must("ar x --output=\(host.scratch) \(library.split(separator: "\n")[0]) libc-start.o")
                let original = "\(host.scratch)/libc-start.o"
                for function in [
                    "handle_intel.constprop.0", "handle_amd", "get_common_cache_info.constprop.0",
                    "get_common_indices.constprop.0", "get_extended_indices.constprop.0", "update_active.constprop.0",
                ] {
                    guard try LibraryStartTests.beginning(function, original, host) != nil else { continue }
                    let first = try LibraryStartTests.beginning(function, "\(host.scratch)/program", host)
                    host.expect(first?.hasPrefix("jmp") == true, "\(function) begins with \(first ?? "nothing")")
                }
                for function in ["__libc_start_main", "handle_zhaoxin"] {
                    host.expect(
                        try LibraryStartTests.beginning(function, object, host),
                        is: try LibraryStartTests.beginning(function, original, host), "beginning of \(function)")
                }
            #endif
        }
    }

    @Test("a library that is not as it should be is left as it is: an empty object, and a word why")
    func left() throws {
        try PrivateHost.run { host in
            let object = "\(host.scratch)/start.o"
            for (source, word) in [
                ("other.c int other;", "libc-start.o is missing"),
                (
                    "libc-start.c int __libc_start_main(void) { return 0; }",
                    "it has no function handle_intel.constprop.0"
                ),
            ] {
                let name = String(source.split(separator: " ")[0])
                try host.must("mkdir -p \(host.scratch)/bin")
                try host.must("tee \(host.scratch)/\(name)", input: String(source.dropFirst(name.count)) + "\n")
                try host.must("gcc -c -o \(host.scratch)/\(name.dropLast(2)).o \(host.scratch)/\(name)")
                try host.must("rm -f \(host.scratch)/libc.a")
                try host.must("ar rc \(host.scratch)/libc.a \(host.scratch)/\(name.dropLast(2)).o")
                try host.must(
                    "tee \(host.scratch)/bin/gcc", input: "#!/bin/sh\necho \(host.scratch)/libc.a\n")
                try host.must("chmod 755 \(host.scratch)/bin/gcc")
                let path = "PATH=\(host.scratch)/bin:/usr/bin:/bin"
                let outcome = try host.run(["env", path, LibraryStartTests.script, object])
                host.expect(outcome.exitCode, is: 0, "exit code with \(name)")
                #if arch(x86_64)
                    host.expect(outcome.errorOutput.contains(word), "\(outcome.errorOutput) does not say: \(word)")
                #endif
                host.expect(try host.must("nm \(object)"), is: "", "symbols with \(name)")
                try host.must("rm \(host.scratch)/bin/gcc")
            }
        }
    }

    #if arch(x86_64)
        /// What the script does where gcc's library is another's, or gcc links something else: its outcome, and the object's place.
        static func run(_ host: PrivateHost, library: String, linking: String) throws -> (ChildOutcome, String) {
            try host.must("mkdir -p \(host.scratch)/bin")
            let gcc = "#!/bin/sh\n[ \"$1\" != -print-file-name=libc.a ] || { echo \(library); exit; }\n\(linking)\n"
            try host.must("tee \(host.scratch)/bin/gcc", input: gcc)
            try host.must("chmod 755 \(host.scratch)/bin/gcc")
            let object = "\(host.scratch)/start.o"
            return (try host.run(["env", "PATH=\(host.scratch)/bin:/usr/bin:/bin", script, object]), object)
        }

        @Test("a function that the library has not of its own is passed over, the others are changed")
        func without() throws {
            try PrivateHost.run { host in
                let real = try host.must("gcc -print-file-name=libc.a").split(separator: "\n")[0]
                try host.must("ar x --output=\(host.scratch) \(real) libc-start.o")
                let original = "\(host.scratch)/libc-start.o"
                try host.must("objcopy --redefine-sym handle_amd=handle_other \(original)")
                try host.must("ar rc \(host.scratch)/libc.a \(original)")
                let (outcome, object) = try LibraryStartTests.run(
                    host, library: "\(host.scratch)/libc.a", linking: "exec /usr/bin/gcc \"$@\"")
                host.expect(outcome.exitCode == 0 && outcome.errorOutput.isEmpty, "\(outcome)")
                host.expect(
                    try LibraryStartTests.beginning("handle_other", object, host),
                    is: try LibraryStartTests.beginning("handle_other", original, host), "another function")
                let changed = try LibraryStartTests.beginning("update_active.constprop.0", object, host)
                host.expect(changed?.hasPrefix("jmp") == true, "it begins with \(changed ?? "nothing")")
            }
        }

        @Test(
            "an object by which no program starts is not taken",
            arguments: ["exit 1", "printf '#!/bin/sh\nexit 3\n' >\"$5\"; chmod 755 \"$5\""])
        func useless(linking: String) throws {
            try PrivateHost.run { host in
                let real = try host.must("gcc -print-file-name=libc.a").split(separator: "\n")[0]
                let (outcome, object) = try LibraryStartTests.run(host, library: String(real), linking: linking)
                host.expect(outcome.exitCode, is: 0, "exit code: \(outcome)")
                let word = linking == "exit 1" ? "nothing can be linked" : "ended with 3"
                host.expect(outcome.errorOutput.contains(word), "\(outcome.errorOutput) does not say: \(word)")
                host.expect(try host.must("nm \(object)"), is: "", "symbols")
            }
        }
    #endif
}
