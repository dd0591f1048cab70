import Glibc
import NetCore
import TestSupport
import Testing

/// The traces of this folder once more, by user 65534 in a user namespace of its own.
@Suite struct RootlessTests {
    @Test func tracesAreMadeWithoutRoot() throws {
        let map = String(decoding: try Files.read("/proc/self/uid_map"), as: UTF8.self).split(separator: " ")
        // Else this run is the rootless one.
        guard map.map(String.init).last?.hasPrefix("4294967295") == true else { return }
        let program = try #require(realpath("/proc/self/exe", nil).map { String(cString: $0) })
        let words =
            "--reuid=65534 --regid=65534 --clear-groups unshare --user --map-root-user --net --mount \(program) "
            + "--testing-library swift-testing --filter "
            + "TraceTests.(KernelTests|BackendTests|DropTests|WatchTests|RawTests|ReplayTests|FoundFaultTests|FloodTests)"
        let child = NetCore.ChildProcess(
            path: "/usr/bin/setpriv", arguments: words.split(separator: " ").map(String.init),
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/"], input: [], seconds: 180)
        let outcome = try child.run()
        let text = String(decoding: outcome.output, as: UTF8.self) + String(decoding: outcome.errors, as: UTF8.self)
        #expect(outcome.exitStatus == 0, "\(text.suffix(4000))")
        #expect(text.contains("tests in 8 suites passed"), "\(text.suffix(400))")
    }
}
