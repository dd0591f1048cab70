import Glibc
import NetCore
import TestSupport
import Testing

@Suite("scripts/bolt: berth-core without names, the blocks of an ADD side by side (docs/adr/0007-start.md)")
struct BoltTests {
    static let script = "\(Example.repository)/scripts/bolt"

    /// Flags of a program's last segment that is loaded: "RE" where BOLT put its code behind everything else.
    static func lastSegment(_ program: String, _ host: PrivateHost) throws -> String {
        let lines = try host.must("readelf -lW \(program)").split(separator: "\n")
        let last = lines.last { $0.split(separator: " ").first == "LOAD" }
        return (last?.split(separator: " ").dropFirst(6).dropLast().joined()) ?? "none"
    }

    /// A folder with the tools that the script calls, and an llvm-bolt-16 of that text, or none; what PATH has to be.
    static func tools(_ host: PrivateHost, bolt: String?) throws -> String {
        let folder = "\(host.scratch)/tools"
        try host.must("rm -rf \(folder)")
        try host.must("mkdir \(folder)")
        for tool in "bash chmod cp dirname head mktemp mv objcopy perl rm strip tail uname".split(separator: " ") {
            try host.must("ln -s /usr/bin/\(tool) \(folder)/\(tool)")
        }
        if let bolt {
            try host.must("tee \(folder)/llvm-bolt-16", input: "#!/bin/bash\n\(bolt)\n")
            try host.must("chmod 755 \(folder)/llvm-bolt-16")
        }
        return "PATH=\(folder)"
    }

    #if arch(x86_64)
        @Test("what make ships went through BOLT where scripts/deps could install it")
        func shipped() throws {
            try PrivateHost.run { host in
                let core = "\(Example.repository)/build/bin/berth-core"
                let has = Files.exists("/usr/bin/llvm-bolt-16")
                host.expect(
                    has || Files.exists("\(Example.repository)/build/without-bolt-16"),
                    "there is no llvm-bolt-16, and scripts/deps says nothing of it")
                host.expect(try BoltTests.lastSegment(core, host), is: has ? "RE" : "RW", "last segment of \(core)")
                host.expect(
                    try host.must("readelf -hW \(core)").split(separator: "\n").contains {
                        $0.hasPrefix("  Number of section headers:") && $0.hasSuffix(" 0")
                    }, is: has, "\(core) has no section headers")
                // As a kernel before Linux 5.18 reckons where in memory the table of segments lies (AT_PHDR): as far from the first one
                // as in the file.
                let lines = try host.must("readelf -lW \(core)").split(separator: "\n")
                let first = lines.first { $0.split(separator: " ").first == "LOAD" }?.split(separator: " ")
                let table = lines.first { $0.split(separator: " ").first == "PHDR" }?.split(separator: " ")
                host.expect(first?[1], is: "0x000000", "the first segment in the file")
                host.expect(table?[1], is: "0x000040", "the table in the file")
                host.expect(
                    lines.contains { $0.hasSuffix("program headers, starting at offset 64") },
                    "where the header says that it is")
                host.expect(first?[2], is: "0x0000000000200000", "the first segment in memory")
                host.expect(table?[2], is: "0x0000000000200040", "the table in memory")
            }
        }
    #endif

    @Test("without BOLT, or when it fails or its work does not, the program is stripped, runs, and it is said why")
    func plain() throws {
        try PrivateHost.run { host in
            let (source, linked, to) = ("\(host.scratch)/a.c", "\(host.scratch)/linked", "\(host.scratch)/made")
            try host.must(
                "tee \(source)",
                input: "#include <stdio.h>\nint main(int count, char **words) { return puts(words[count - 1]) < 0; }\n")
            try host.must("gcc -O1 -static -Wl,--emit-relocs -o \(linked) \(source)")
            let shell = #"for word; do [ "$last" != -o ] || out=$word; last=$word; done; "#
            for (bolt, word) in [
                (nil, ""),
                ("echo 'BOLT-ERROR: no such thing'; exit 1", "llvm-bolt-16 does not do it (BOLT-ERROR: no such thing)"),
                // Its new segment is not the file's last.
                (
                    shell + #"cp "$1" "$out""#,
                    "llvm-bolt-16 laid its file out otherwise (its last segment is not all that it added)"
                ),
                (
                    shell + #"echo nonsense >"$out""#,
                    "llvm-bolt-16 laid its file out otherwise (its last segment is not all that it added)"
                ),
            ] {
                let path = try BoltTests.tools(host, bolt: bolt.map { "PATH=/usr/bin; " + $0 })
                try host.must("rm -f \(to)")
                let outcome = try host.run(["env", path, BoltTests.script, linked, to])
                #if arch(x86_64)
                    let said = bolt == nil ? "" : "berth: \(word); an ADD takes some hundredths longer\n"
                    host.expect(outcome.errorOutput, is: said, "with \(bolt ?? "no BOLT")")
                #endif
                guard host.expect(outcome.exitCode == 0, "with \(bolt ?? "no BOLT"): \(outcome)") else { continue }
                host.expect(
                    try host.must("\(to) --plugins"), is: "--plugins\n", "what it prints with \(bolt ?? "no BOLT")")
                host.expect(try host.run(["nm", to]).errorOutput.contains("no symbols"), "it has names")
            }
        }
    }
}
