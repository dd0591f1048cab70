import Lab
import NetCore
import TestSupport
import Testing

@Suite("The guard")
struct GuardTests {
    @Test("no builder touches the network that it was started in")
    func own() throws {
        let (code, exit) = try PrivateHost.run { host in
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

    @Test("nor that of the machine's first process, and another one it does")
    func first() throws {
        let (code, other) = try PrivateHost.run { host in
            let networks = try NetworkGuard()
            try host.must("ip netns add other")
            try networks.permit(try NetworkNamespace(open: "/run/netns/other"))
            do throws(LabError) {
                // Only asked: nothing would be changed if it were let through.
                let machine: NetworkNamespace
                do throws(KernelError) {
                    machine = try NetworkNamespace(open: "/proc/1/ns/net")
                } catch { return (LabError.Code?.some(.guarded), true) }
                try networks.permit(machine)
                return (nil, true)
            } catch { return (LabError.Code?.some(error.code), true) }
        }
        #expect(code == .guarded)
        #expect(other)
    }
}
