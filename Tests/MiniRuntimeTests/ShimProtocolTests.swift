import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import MiniRuntime

@Suite("What berth-shim says and is told")
struct ShimProtocolTests {
    @Test("options survive their command line; a wrong one is told")
    func options() throws {
        var options = ShimOptions(id: "c", bundle: "/b", ociRoot: "/o", run: "/r", exit: "/e")
        options.log = "/l"
        options.logMaxSize = 10
        options.logMaxFile = 3
        options.tty = true
        options.runtime = "/usr/sbin/runc"
        let read = try ShimOptions(parsing: options.arguments)
        #expect(read.arguments == options.arguments)
        for words in [
            ["--id"], ["--nonsense", "x"], ["--id", "c"],
            Array(options.arguments.dropLast(2)) + ["--log-max-size", "0"],
        ] {
            #expect(throws: ShimError.self) { try ShimOptions(parsing: words) }
        }
    }

    @Test("an exit record is what it was, and a moment keeps its nanoseconds")
    func record() throws {
        let record = ExitRecord(
            exitCode: 137, signal: 9, oom: true, startedAt: "2026-11-26T18:41:07.042000001Z", error: "why")
        #expect(ExitRecord(record.object) == record)
        let moment = try #require(LogTime.nanoseconds("2026-11-26T18:41:07.042000001Z"))
        #expect(
            LogTime.text(timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000)))
                == "2026-11-26T18:41:07.042000001Z")
        #expect(LogTime.nanoseconds("2026-11-26T19:41:07.042000001+01:00") == moment)
        #expect(LogTime.nanoseconds("yesterday") == nil)
    }

    @Test(
        "a runtime's words are Docker's codes",
        arguments: [
            ("exec: \"nope\": executable file not found in $PATH", 127),
            ("exec: \"/x\": stat /x: no such file or directory", 127), ("exec: \"/x\": permission denied", 126),
            ("exec /x: exec format error", 126), ("mount /proc: permission denied", 125),
        ] as [(String, Int32)])
    func codes(text: String, code: Int32) { #expect(RuntimeCall.code(text) == code) }
}
