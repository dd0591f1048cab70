import Lab
import NetCore
import TestSupport
import Testing

@Suite("The guard")
struct GuardTests {
    @Test("no builder touches the network that it was started in")
    func own() async throws {
        let (code, exit) = try await PrivateHost.inTurn { host in
            let before = try host.state()
            var thrown: LabError?
            do throws(LabError) {
                let builder = try WorldBuilder(StandardWorlds.box, guard: try NetworkGuard()) { _ in
                    "/proc/thread-self/ns/net"
                }
                try builder.build()
            } catch { thrown = error }
            host.expect(try host.state().difference(from: before), is: "", "the host")
            return (thrown?.code, thrown?.exitCode)
        }
        #expect(code == .guarded)
        #expect(exit == 3)
    }

    @Test("nor that of the machine's first process; another one it does")
    func first() async throws {
        #expect(NetworkGuard.watched == ["/proc/thread-self/ns/net", "/proc/1/ns/net"])
        // Process 1 may be none that this process may look at: another namespace stands for it.
        let (refused, strange) = try await PrivateHost.inTurn { host in
            try host.must("ip netns add machine")
            try host.must("ip netns add other")
            let networks = try NetworkGuard([NetworkGuard.watched[0], "/run/netns/machine", "/run/netns/none"])
            try networks.permit(try NetworkNamespace(open: "/run/netns/other"))
            return (
                GuardTests.code { () throws(LabError) in
                    try networks.permit(try GuardTests.machine())
                },
                GuardTests.code { () throws(LabError) in _ = try NetworkGuard(["/run/netns/none"]) }
            )
        }
        #expect(refused == .guarded)
        #expect(strange == .guarded)
    }

    private static func machine() throws(LabError) -> NetworkNamespace {
        do throws(KernelError) {
            return try NetworkNamespace(open: "/run/netns/machine")
        } catch { throw LabError(error, "open the test's namespace") }
    }

    private static func code(_ body: () throws(LabError) -> Void) -> LabError.Code? {
        do throws(LabError) {
            try body()
            return nil
        } catch { return error.code }
    }
}
