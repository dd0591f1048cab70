import CKernel
import Glibc
import NetCore

/// A machine for one test: a thread with a network and a mount namespace of its own, fresh tmpfs over /run and
/// /var/lib, lo up. Nothing a test does in it reaches the machine, and it ends with the body.
///
/// `#expect` on the host's thread would be booked to no test: state what must hold by `expect`, or return a value and
/// expect it in the test. Use it only on the thread that it was made on.
public final class PrivateHost {
    /// A folder that is the test's alone and vanishes with the host.
    public let scratch = "/run/scratch"
    /// What every child process is given, before what a call adds.
    public var environment = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
    var unmet: [String] = []
    var nextIndex = 1000
    var background: [RunningChild] = []
    /// Done when the host ends, whatever came of the body.
    public var whenOver: [() -> Void] = []

    /// Runs `body` in a new host. Throws what the body throws, `UnmetExpectations`, or one sentence when the machine
    /// does not let this process make namespaces.
    public static func run<Value: Sendable>(_ body: @escaping @Sendable (PrivateHost) throws -> Value) throws -> Value {
        try HostThread.run {
            let host = try PrivateHost()
            defer { host.stop() }
            let value: Value
            do {
                value = try body(host)
            } catch {
                throw host.unmet.isEmpty ? error : UnmetExpectations(host.unmet + ["then: \(error)"])
            }
            guard host.unmet.isEmpty else { throw UnmetExpectations(host.unmet) }
            return value
        }
    }

    /// As `run`, for tests that mostly wait: several such hosts stand at once, more than the machine has processors, and no thread of
    /// Swift's pool waits for them.
    public static func inTurn<Value: Sendable>(_ body: @escaping @Sendable (PrivateHost) throws -> Value) async throws
        -> Value
    {
        await Turns.shared.take()
        let answer = await withCheckedContinuation { (waiting: CheckedContinuation<Result<Value, any Error>, Never>) in
            do {
                pthread_detach(try HostThread.start { waiting.resume(returning: Result { try run(body) }) })
            } catch {
                waiting.resume(returning: .failure(error))
            }
        }
        await Turns.shared.give()
        return try answer.get()
    }

    private init() throws {
        guard geteuid() == 0 else {
            throw HostRefused(
                "this test makes network namespaces: run it as root (sudo), or inside `unshare --user --map-root-user --net --mount`"
            )
        }
        var machine: Set = [try NamespaceIdentity("/proc/self/ns/net")]
        // A confined root may not look at process 1; the namespace that the tests started in is then all there is.
        let first = try ignoring(.accessDenied, .notPermitted) { () throws(KernelError) in
            try NamespaceIdentity("/proc/1/ns/net")
        }
        if let first { machine.insert(first) }
        let mounts = try NamespaceIdentity("/proc/self/ns/mnt")
        try check("make a network and a mount namespace for the test's host") {
            berth_unshare(berth_clone_newnet() | berth_clone_newns())
        }
        guard !machine.contains(try NamespaceIdentity("/proc/thread-self/ns/net")),
            mounts != (try NamespaceIdentity("/proc/thread-self/ns/mnt"))
        else { throw HostRefused("the thread is still in the machine's namespaces: nothing was touched") }
        try PrivateHost.mount("none", "/", "", MS_REC | MS_PRIVATE)
        for folder in ["/run", "/var/lib"] {
            try PrivateHost.mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        }
        _ = TestBackend.isPrepared
        environment.merge(TestBackend.current.environment) { $1 }
        for folder in ["/run/netns", "/run/lock", "/var/lib/cni", scratch] { try Files.makeDirectories(folder) }
        try must("ip link set lo up")
    }

    /// The host that the thread is in already.
    private init(_ environment: [String: String]) { self.environment = environment }

    /// Runs `body` on `count` threads of this host at once, each with a PrivateHost of its own to speak to; gives their
    /// values in order. Throws the first error; what they find not to hold is stated here.
    public func onThreads<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (PrivateHost, Int) throws -> Value
    ) throws -> [Value] {
        let environment = environment
        let answers = try HostThread.runMany(count) { index -> (Value, [String]) in
            let worker = PrivateHost(environment)
            defer { worker.stop() }
            return (try body(worker, index), worker.unmet)
        }
        unmet += answers.flatMap(\.1)
        return answers.map(\.0)
    }

    private func stop() {
        for child in background { child.kill() }
        background = []
        for action in whenOver { action() }
        whenOver = []
    }

    /// mount(2), with the place in the error.
    static func mount(_ source: String, _ place: String, _ type: String, _ flags: Int, _ options: String = "")
        throws(KernelError)
    {
        try check("mount \(type.isEmpty ? "flags" : type) on \(place)") {
            Glibc.mount(source, place, type, UInt(flags), options)
        }
    }

    /// A folder of the machine that the test may write to: its changes stay on a tmpfs of the host.
    public func overlay(_ folder: String) throws {
        let name = folder.split(separator: "/").joined(separator: "-")
        let upper = "\(scratch)/.overlay-\(name)/upper"
        let work = "\(scratch)/.overlay-\(name)/work"
        for path in [upper, work] { try Files.makeDirectories(path) }
        try PrivateHost.mount("overlay", folder, "overlay", 0, "lowerdir=\(folder),upperdir=\(upper),workdir=\(work)")
    }

    /// `statement` is reported with its place when `holds` is false; the body goes on.
    @discardableResult
    public func expect(
        _ holds: Bool, _ statement: @autoclosure () -> String, file: String = #fileID, line: Int = #line
    ) -> Bool {
        if !holds { unmet.append("\(file):\(line): \(statement())") }
        return holds
    }

    /// Both values are equal, else the difference is reported.
    @discardableResult
    public func expect<Value: Equatable>(
        _ seen: Value, is expected: Value, _ what: @autoclosure () -> String, file: String = #fileID, line: Int = #line
    ) -> Bool {
        expect(seen == expected, "\(what()): expected \(expected), seen \(seen)", file: file, line: line)
    }
}

/// What `PrivateHost.expect` found not to hold, one line each with its place.
public struct UnmetExpectations: Error, Sendable, CustomStringConvertible {
    public let all: [String]
    init(_ all: [String]) { self.all = all }
    public var description: String { all.joined(separator: "\n") }
}

/// Why a host could not be made, as one sentence.
public struct HostRefused: Error, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
