import Glibc
import NetCore
import TestSupport
import Testing

@Suite("Sources/CStart/metadata.c: metadata without the runtime's way to it (docs/adr/0007-start.md)")
struct MetadataTests {
    static let source = "\(Example.repository)/Sources/CStart/metadata.c"

    /// The folder of the compiler's own libraries, static ones.
    static func library(_ host: PrivateHost) throws -> String {
        let words = try host.must("swiftc -print-target-info").split(separator: "\"")
        guard let key = words.firstIndex(of: "runtimeResourcePath"), key + 2 < words.count else { return "" }
        return "\(words[key + 2])_static/linux"
    }

    @Test("a type has one metadata, as the runtime makes it, by which elements live and die; many types, two threads")
    func program() throws {
        try PrivateHost.run { host in
            let folder = "\(Example.repository)/Tests/Golden/metadata"
            let program = "\(host.scratch)/program"
            try host.must("clang -O2 -c -o \(host.scratch)/metadata.o \(MetadataTests.source)")
            try host.must("clang -O2 -c -o \(host.scratch)/asked.o \(folder)/asked.c")
            try host.must("cp \(folder)/program.swift \(host.scratch)/main.swift")
            try host.must(
                "swiftc -O -swift-version 6 -static-executable -use-ld=lld -module-cache-path \(host.scratch)/cache"
                    + " -Xlinker --wrap=swift_getCanonicalPrespecializedGenericMetadata -o \(program)"
                    + " \(host.scratch)/main.swift \(host.scratch)/metadata.o \(host.scratch)/asked.o", seconds: 240)
            for (what, words) in [
                ("same", "[]\n"), ("made", "true true\n"),
                (
                    "values",
                    """
                    100 [90, 100] true
                    0
                    true true true true 2 true 2 1 [Optional(program.Choice.other("x"))]

                    """
                ), ("many", "true 701\n"), ("threads", "true 151\n"),
            ] {
                let outcome = try host.run([program, what])
                host.expect(outcome.text, is: words, what)
                host.expect(outcome.exitCode, is: 0, "exit code of \(what), which says \(outcome.errorOutput)")
            }
        }
    }

    @Test("it names every optional and array that the standard library brings, and none besides")
    func names() throws {
        try PrivateHost.run { host in
            let symbols = try host.must("nm \(try MetadataTests.library(host))/libswiftCore.a")
            let brought = Set(
                symbols.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
                    .filter { $0.hasSuffix("SgMf") || ($0.hasPrefix("$sSay") && $0.hasSuffix("GMf")) })
            let source = try host.must("cat \(MetadataTests.source)")
            let named = source.split(separator: "each(").dropFirst()
                .compactMap { $0.split(separator: "\"").dropFirst().first }.filter { $0.hasPrefix("$s") }.map {
                    "\($0)Mf"
                }
            host.expect(Set(named), is: brought, "what it names")
            host.expect(named.count, is: brought.count, "count of names")
        }
    }
}
